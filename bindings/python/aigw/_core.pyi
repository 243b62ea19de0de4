# The generated module has no types of its own: what the package makes of its values is typed there.
from typing import Any

def __getattr__(name: str) -> Any: ...
