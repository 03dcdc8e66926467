"""How money is shown in the terminal: yuan, exact to the fen."""

from typing import Final

FEN_IN_YUAN: Final = 100


def yuan(amount_fen: int) -> str:
    """`1,000.00`."""
    sign, amount = ("-" if amount_fen < 0 else ""), abs(amount_fen)
    return f"{sign}{amount // FEN_IN_YUAN:,}.{amount % FEN_IN_YUAN:02d}"
