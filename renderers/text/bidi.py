"""The Unicode Bidirectional Algorithm (UAX #9): from characters to embedding levels to the order of a line.

Rules are named in the comments as the annex names them. Text without right-to-left characters takes a
short cut, as in Blink.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_RIGHT = frozenset(("R", "AL"))
_STRONG = frozenset(("L", "R", "AL"))
_INITIATORS = frozenset(("LRI", "RLI", "FSI"))
_EMBEDDINGS = {"LRE": (0, None), "RLE": (1, None), "LRO": (0, "L"), "RLO": (1, "R")}
_REMOVED = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "BN"))
_NEUTRAL = frozenset(("B", "S", "WS", "ON", "LRI", "RLI", "FSI", "PDI"))
_DEEPEST = 125

_PAIRS = (
    "()[]{}༺༻༼༽᚛᚜⁅⁆⁽⁾₍₎⌈⌉⌊⌋〈〉❨❩❪❫❬❭❮❯❰❱❲❳❴❵⟅⟆⟦⟧⟨⟩⟪⟫⟬⟭⟮⟯⦃⦄⦅⦆⦇⦈⦉⦊⦋⦌⦑⦒⦓⦔⦕⦖⦗⦘⧘⧙⧚⧛⧼⧽⸢⸣⸤⸥⸦⸧⸨⸩"
    "〈〉《》「」『』【】〔〕〖〗〘〙〚〛﹙﹚﹛﹜﹝﹞（）［］｛｝｟｠｢｣"
)
_CLOSING = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))
_CLOSERS = frozenset(_CLOSING.values())
_CANONICAL = {"〈": "〈", "〉": "〉"}  # U+2329, U+232A


def first_strong(text: str) -> str:
    """`rtl` if the first strong character outside of isolates is a right-to-left one, else `ltr` (P2, P3)."""
    depth = 0
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in _INITIATORS:
            depth += 1
        elif kind == "PDI":
            depth = max(0, depth - 1)
        elif depth == 0 and kind in _STRONG:
            return "rtl" if kind in _RIGHT else "ltr"
    return "ltr"


def levels(text: str, *, rtl: bool) -> list[int]:
    """The embedding level of each character of a paragraph, odd for right-to-left."""
    if not rtl and text.isascii():
        return [0] * len(text)
    kinds = [unicodedata.bidirectional(character) or "L" for character in text]
    if not rtl and all(kind in _SIMPLE for kind in kinds):
        return [0] * len(text)
    return _Paragraph(text, kinds, int(rtl)).resolve()


_SIMPLE = frozenset(("L", "EN", "ES", "ET", "CS", "NSM", "WS", "ON", "S", "B", "BN"))


def reorder(run_levels: Sequence[int]) -> list[int]:
    """L2: the indices of runs with these levels, from left to right."""
    order = list(range(len(run_levels)))
    lowest_odd = min((level for level in run_levels if level % 2), default=0)
    for level in range(max(run_levels, default=0), lowest_odd - 1 if lowest_odd else 0, -1):
        start = 0
        while start < len(order):
            if run_levels[order[start]] < level:
                start += 1
                continue
            end = start
            while end < len(order) and run_levels[order[end]] >= level:
                end += 1
            order[start:end] = order[start:end][::-1]
            start = end
    return order


class _Paragraph:
    def __init__(self, text: str, kinds: list[str], base: int) -> None:
        self.text = text
        self.original = kinds
        self.kinds = list(kinds)
        self.base = base
        self.levels = [base] * len(text)
        self.partner: dict[int, int] = {}  # isolate initiator -> its PDI
        self._match_isolates()

    def resolve(self) -> list[int]:
        self._explicit()
        for sequence in self._sequences():
            self._weak(*sequence)
            self._brackets(*sequence)
            self._neutral(*sequence)
            self._implicit(sequence[0])
        self._inherit_removed()
        self._trailing()
        return self.levels

    def _match_isolates(self) -> None:
        """BD9."""
        stack: list[int] = []
        for index, kind in enumerate(self.original):
            if kind in _INITIATORS:
                stack.append(index)
            elif kind == "PDI" and stack:
                self.partner[stack.pop()] = index

    def _explicit(self) -> None:  # noqa: C901 - one branch to a rule of the annex
        """X1 to X8."""
        stack: list[tuple[int, str | None, bool]] = [(self.base, None, False)]
        overflow_isolates = overflow_embeddings = valid_isolates = 0
        for index, kind in enumerate(self.original):
            level, override, _ = stack[-1]
            if kind in _EMBEDDINGS:
                self.levels[index] = level
                odd, forced = _EMBEDDINGS[kind]
                new = _next_level(level, odd)
                if new <= _DEEPEST and not overflow_isolates and not overflow_embeddings:
                    stack.append((new, forced, False))
                elif not overflow_isolates:
                    overflow_embeddings += 1
            elif kind in _INITIATORS:
                self._set(index, level, override)
                inside = self.text[index + 1 : self.partner.get(index, len(self.text))]
                odd = int(kind == "RLI" or (kind == "FSI" and first_strong(inside) == "rtl"))
                new = _next_level(level, odd)
                if new <= _DEEPEST and not overflow_isolates and not overflow_embeddings:
                    valid_isolates += 1
                    stack.append((new, None, True))
                else:
                    overflow_isolates += 1
            elif kind == "PDI":
                if overflow_isolates:
                    overflow_isolates -= 1
                elif valid_isolates:
                    overflow_embeddings = 0
                    while not stack[-1][2]:
                        stack.pop()
                    stack.pop()
                    valid_isolates -= 1
                self._set(index, stack[-1][0], stack[-1][1])
            elif kind == "PDF":
                self.levels[index] = level
                if overflow_isolates:
                    continue
                if overflow_embeddings:
                    overflow_embeddings -= 1
                elif not stack[-1][2] and len(stack) > 1:
                    stack.pop()
            elif kind == "B":
                self.levels[index] = self.base
            elif kind == "BN":
                self.levels[index] = level
            else:
                self._set(index, level, override)

    def _set(self, index: int, level: int, override: str | None) -> None:
        self.levels[index] = level
        if override is not None:
            self.kinds[index] = override

    def _sequences(self) -> list[tuple[list[int], str, str]]:
        """X10: isolating run sequences as indices, with sos and eos."""
        kept = [index for index, kind in enumerate(self.original) if kind not in _REMOVED]
        runs: list[list[int]] = []
        for index in kept:
            if runs and self.levels[runs[-1][-1]] == self.levels[index]:
                runs[-1].append(index)
            else:
                runs.append([index])
        by_start = {run[0]: run for run in runs}
        position = {index: place for place, index in enumerate(kept)}
        closers = {pdi: start for start, pdi in self.partner.items()}
        found = []
        for run in runs:
            if run[0] in closers and self.original[run[0]] == "PDI":
                continue  # continues another run
            sequence = list(run)
            while self.original[sequence[-1]] in _INITIATORS and sequence[-1] in self.partner:
                following = by_start.get(self.partner[sequence[-1]])
                if following is None:
                    break
                sequence += following
            level = self.levels[sequence[0]]
            before = position[sequence[0]] - 1
            after = position[sequence[-1]] + 1
            open_end = self.original[sequence[-1]] in _INITIATORS and sequence[-1] not in self.partner
            earlier = self.levels[kept[before]] if before >= 0 else self.base
            later = self.levels[kept[after]] if after < len(kept) and not open_end else self.base
            found.append((sequence, "LR"[max(level, earlier) % 2], "LR"[max(level, later) % 2]))
        return found

    def _weak(self, sequence: list[int], sos: str, eos: str) -> None:  # noqa: C901 - one branch to a rule of the annex
        kinds = [self.kinds[index] for index in sequence]
        previous = sos
        for at, kind in enumerate(kinds):  # W1
            if kind == "NSM":
                kinds[at] = "ON" if previous in _INITIATORS or previous == "PDI" else previous
            previous = kinds[at]
        strong = sos
        for at, kind in enumerate(kinds):  # W2, W3
            if kind in _STRONG:
                strong = kind
            elif kind == "EN" and strong == "AL":
                kinds[at] = "AN"
        kinds = ["R" if kind == "AL" else kind for kind in kinds]
        for at in range(1, len(kinds) - 1):  # W4
            around = kinds[at - 1], kinds[at + 1]
            if kinds[at] in ("ES", "CS") and around == ("EN", "EN"):
                kinds[at] = "EN"
            elif kinds[at] == "CS" and around == ("AN", "AN"):
                kinds[at] = "AN"
        at = 0
        while at < len(kinds):  # W5
            if kinds[at] != "ET":
                at += 1
                continue
            end = at
            while end < len(kinds) and kinds[end] == "ET":
                end += 1
            if (at and kinds[at - 1] == "EN") or (end < len(kinds) and kinds[end] == "EN"):
                kinds[at:end] = ["EN"] * (end - at)
            at = end
        kinds = ["ON" if kind in ("ES", "ET", "CS") else kind for kind in kinds]  # W6
        strong = sos
        for at, kind in enumerate(kinds):  # W7
            if kind in ("L", "R"):
                strong = kind
            elif kind == "EN" and strong == "L":
                kinds[at] = "L"
        for index, kind in zip(sequence, kinds, strict=True):
            self.kinds[index] = kind

    def _brackets(self, sequence: list[int], sos: str, eos: str) -> None:  # noqa: C901 - one branch to a rule of the annex
        """N0."""
        stack: list[tuple[str, int]] = []
        pairs: list[tuple[int, int]] = []
        for at, index in enumerate(sequence):
            character = _CANONICAL.get(self.text[index], self.text[index])
            if self.kinds[index] != "ON":
                continue
            if character in _CLOSING:
                if len(stack) == 63:
                    break
                stack.append((_CLOSING[character], at))
            elif character in _CLOSERS:
                for depth in range(len(stack) - 1, -1, -1):
                    if stack[depth][0] == character:
                        pairs.append((stack[depth][1], at))
                        del stack[depth:]
                        break
        embedding = "LR"[self.levels[sequence[0]] % 2]
        for start, end in sorted(pairs):
            inside = {_direction(self.kinds[sequence[at]]) for at in range(start + 1, end)}
            if embedding in inside:
                chosen = embedding
            elif inside - {None}:
                context = next(
                    (
                        found
                        for at in range(start - 1, -1, -1)
                        if (found := _direction(self.kinds[sequence[at]]))
                    ),
                    sos,
                )
                chosen = context if context != embedding else embedding
            else:
                continue
            for at in (start, end):
                self.kinds[sequence[at]] = chosen
                following = at + 1
                while following < len(sequence) and self.original[sequence[following]] == "NSM":
                    self.kinds[sequence[following]] = chosen
                    following += 1

    def _neutral(self, sequence: list[int], sos: str, eos: str) -> None:
        """N1, N2."""
        embedding = "LR"[self.levels[sequence[0]] % 2]
        at = 0
        while at < len(sequence):
            if self.kinds[sequence[at]] not in _NEUTRAL:
                at += 1
                continue
            end = at
            while end < len(sequence) and self.kinds[sequence[end]] in _NEUTRAL:
                end += 1
            before = _direction(self.kinds[sequence[at - 1]]) if at else sos
            after = _direction(self.kinds[sequence[end]]) if end < len(sequence) else eos
            chosen = before if before == after and before else embedding
            for place in range(at, end):
                self.kinds[sequence[place]] = chosen
            at = end

    def _implicit(self, sequence: list[int]) -> None:
        """I1, I2."""
        for index in sequence:
            kind, level = self.kinds[index], self.levels[index]
            if level % 2 == 0:
                self.levels[index] += {"R": 1, "AN": 2, "EN": 2}.get(kind, 0)
            elif kind in ("L", "AN", "EN"):
                self.levels[index] += 1

    def _inherit_removed(self) -> None:
        """What X9 removes goes with the character before it (section 5.2)."""
        level = self.base
        for index, kind in enumerate(self.original):
            if kind in _REMOVED:
                self.levels[index] = level
            level = self.levels[index]

    def _trailing(self) -> None:
        """L1, as far as it does not depend on where lines break."""
        resets = True
        for index in range(len(self.text) - 1, -1, -1):
            kind = self.original[index]
            if kind in ("S", "B"):
                resets = True
                self.levels[index] = self.base
            elif kind in ("WS", "FSI", "LRI", "RLI", "PDI") or kind in _REMOVED:
                if resets:
                    self.levels[index] = self.base
            else:
                resets = False


def _next_level(level: int, odd: int) -> int:
    """The least level above that is odd or even."""
    return level + 1 if (level + 1) % 2 == odd else level + 2


def _direction(kind: str) -> str | None:
    """What a kind counts as among neutrals: numbers are right-to-left (N1)."""
    return "L" if kind == "L" else "R" if kind in ("R", "EN", "AN") else None
