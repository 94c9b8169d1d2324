"""Define what money is counted in, and what may be spent."""

from harness.types.base import Noun


class CostSettings(Noun, frozen=True):
    """What a machine costs, and how much one command may spend. Prices of tokens are options of the arms."""

    most: float = 0.0
    """The most that one command may spend on answers and training; 0: no cap. It stops before the cap is passed."""
    machine_hour: float = 0.0
    """What an hour of this machine costs, with its GPU. Training, and arms without `prices`, are counted by their seconds."""
    currency: str = ""
    """Shown beside amounts, such as `EUR`. All amounts and prices are in it."""
    calls_a_day: float = 0.0
    """Of production, for the break-even; 0: as many as the stored calls show."""

    def of_machine(self, seconds: float) -> float:
        """What the machine costs for that long."""
        return self.machine_hour * seconds / 3600

    def words(self, amount: float) -> str:
        """An amount with its currency, in two decimals, or three digits where it is below 1."""
        text = f"{amount:,.2f}" if abs(amount) >= 1 or amount == 0 else f"{amount:.3g}"
        return f"{text} {self.currency}".strip()
