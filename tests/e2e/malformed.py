"""What the tables of wrong requests are made of: name -> (base, where, what, pointer). `where` is a JSON pointer into
the base, `what` goes there (MISSING takes the member away), and the refusal names `pointer` ("=": the same place)."""
import json

MISSING = object()


class Unknown:
    """What may be a word of the vendor's future, or is right with some hosts: a provider of the same format gets it as it
    stands, all others refuse it."""

    def __init__(self, what):
        self.what = what


class Bare(str):
    """JSON that Python would not write."""


def place(document, pointer, value):
    """Puts the value at the pointer of the document, which is given back."""
    *way, last = pointer.split("/")[1:]
    at = document
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]
    if isinstance(at, list):
        at[int(last)] = value
    elif value is MISSING:
        del at[last]
    else:
        at[last] = value
    return document


def written(document):
    """As JSON, with what is Bare in it."""
    bare = []

    def mark(value):
        if isinstance(value, Bare):
            bare.append(value)
            return f"@bare{len(bare) - 1}@"
        if isinstance(value, dict):
            return {k: mark(v) for k, v in value.items()}
        return [mark(v) for v in value] if isinstance(value, list) else value

    text = json.dumps(mark(document))
    for i, value in enumerate(bare):
        text = text.replace(f'"@bare{i}@"', value)
    return text.encode()
