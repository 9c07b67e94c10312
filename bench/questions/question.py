"""What a question is, and what the runner lends it."""

import os
import sys
import time
from dataclasses import dataclass, field
from typing import Callable


@dataclass
class Bench:
    """The run that a question belongs to."""

    folder: str
    quick: bool
    began: float = field(default_factory=time.monotonic)

    @property
    def rounds(self):
        return int(os.environ.get("ROUNDS", 1 if self.quick else 3))

    def choose(self, full, quick):
        return quick if self.quick else full

    def say(self, text):
        elapsed = time.monotonic() - self.began
        clock = f"{int(elapsed // 60):3}:{int(elapsed % 60):02}"
        print(f"[{clock}] {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Question:
    """`run(bench)` answers {"about", "tables", "plots", "figures"}.

    Tables are {"caption", "columns", "rows"} whose cells are texts, numbers or spreads; plots are
    {"name", "title", "x", "y", "series"}; figures are named spreads that targets refer to.
    """

    name: str
    group: str
    title: str
    run: Callable
    # Minutes that it takes about, in full and in the short form.
    full_minutes: float
    quick_minutes: float
