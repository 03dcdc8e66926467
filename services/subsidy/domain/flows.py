"""What comes to each budget and what leaves it, day by day of its lane: what expected dates rest on."""

from datetime import date

from services.subsidy.domain.book import Book, Entry


def count(book: Book) -> None:
    """Count what the entries not counted yet have moved, on their lane's day; before its first one nothing."""
    for entry in book.entries[book.counted :]:
        day = book.lane(entry.lane).day
        if entry.postings and day is not None:
            _count_entry(book, entry, day)
    book.counted = len(book.entries)


def _count_entry(book: Book, entry: Entry, day: date) -> None:
    allocated = {id(one.budget) for one in entry.postings if one.purpose == "allocated"}
    for one in entry.postings:
        if one.purpose != "available":
            continue
        flow = book.flow(one.budget.key, day)
        if id(one.budget) in allocated:
            flow.added_fen += one.amount_fen
        elif one.amount_fen > 0:
            flow.freed_fen += one.amount_fen
        else:
            flow.taken_fen -= one.amount_fen
