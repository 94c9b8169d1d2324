"""A model as a judge: what it is asked, how its verdict is read, and the trial that it stands before it counts."""
