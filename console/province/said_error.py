"""Errors as a clerk reads them: one sentence in Chinese and the same in English."""


class SaidError(Exception):
    """Says what happened, why and what to do now, in both languages; never with a person's data."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh = zh
        self.en = en
