"use strict";
(() => {
{% include "dom.js" %}
{% include "data.js" %}
{% include "diff.js" %}
{% include "rich.js" %}
{% include "steps.js" %}
{% include "turns.js" %}
{% include "versus.js" %}
{% include "columns.js" %}
{% include "list.js" %}
{% include "case.js" %}
{% include "waive.js" %}
{% include "main.js" %}
})();
