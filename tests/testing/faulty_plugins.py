"""Good plugins written from scratch, and faulty ones: each differs from a good one by one fault.

The docstring of a faulty plugin says where the fault was seen, or how it comes about.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from dnamask_plugins.budget import Budget, hidden_nucleotides
from dnamask_plugins.config import Configurable
from dnamask_plugins.nucleotides import UNKNOWN
from dnamask_plugins.rng import RngKey
from dnamask_plugins.tokenizers.base import pad_encodings
from dnamask_plugins.types import Encoding, MaskSpec, NucleotideBatch, TokenBatch


def hide_units(
    batch: TokenBatch, row: int, order: np.ndarray, unit: int, budget: Budget, last: float
) -> np.ndarray:
    """Hide units of nucleotides in a given order until the budget is spent; slow and plain."""
    starts, stops = batch.offsets[row].T
    maskable = ~batch.special_tokens_mask[row]
    mask = np.zeros(maskable.size, dtype=bool)
    if budget.rate == 0:
        return mask
    if budget.rate == 1:
        return maskable

    one = batch[np.array([row])]

    def spent(trial: np.ndarray) -> float:
        if budget.per == "token":
            return float(trial.sum())
        return float(hidden_nucleotides(trial[None], one).sum())

    target, before = budget.rate * spent(maskable), 0.0
    for center in order:
        a, b = center, min(center + unit, int(batch.lengths[row]))
        if batch.weights is not None and batch.weights[row, a:b].min(initial=1) == 0:
            continue
        trial = mask | (maskable & (starts < b) & (stops > a))
        after = spent(trial)
        if after >= target:
            keep = last < (target - before) / max(after - before, 1e-9)
            return trial if keep else mask
        mask, before = trial, after
    return mask


@dataclass(frozen=True)
class GoodSpan(Configurable):
    """Hides units of `unit` nucleotides at random places."""

    name: ClassVar[str] = "test.span"
    reads_sequence: ClassVar[bool] = False
    unit: int = 2

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        mask = np.zeros(batch.input_ids.shape, dtype=bool)
        for row in range(len(batch)):
            rng = key.generator(row)
            last = rng.random()
            mask[row] = hide_units(batch, row, self.order(batch, row, rng), self.unit, budget, last)
        return mask

    def order(self, batch: TokenBatch, row: int, rng: np.random.Generator) -> np.ndarray:
        return rng.permutation(int(batch.lengths[row]))


@dataclass(frozen=True)
class GoodGcFirst(GoodSpan):
    """Prefers units that begin with G or C: what it hides depends on the letters."""

    name: ClassVar[str] = "test.gc_first"
    reads_sequence: ClassVar[bool] = True

    def order(self, batch: TokenBatch, row: int, rng: np.random.Generator) -> np.ndarray:
        order = super().order(batch, row, rng)
        codes = batch.nucleotides[row, order]
        return order[np.argsort(~np.isin(codes, (1, 2)), kind="stable")]


class LooksUpPositions(GoodGcFirst):
    """Takes the position of a token for its id, as the program released with GeneMask does."""

    def order(self, batch: TokenBatch, row: int, rng: np.random.Generator) -> np.ndarray:
        order = GoodSpan.order(self, batch, row, rng)
        score_of_id = np.arange(1000) * 7919 % 1000
        return order[np.argsort(-score_of_id[order % 1000], kind="stable")]


class MasksCls(GoodSpan):
    """Chooses column 0 as well."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        mask = super().select(batch, key, budget)
        mask[:, 0] |= mask.any(axis=1)
        return mask


class StopsBeforeSep(GoodSpan):
    """Counts the columns of a row one short, so that the token before [SEP] is never chosen."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        mask = super().select(batch, key, budget)
        last = batch.attention_mask.sum(axis=1) - 2
        rows = last >= 0
        mask[rows, last[rows]] = False
        return mask


class ShiftedByOne(GoodSpan):
    """Writes position + 1, as a branch of LOGO's program does, and so hits [SEP]."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        return np.roll(super().select(batch, key, budget), 1, axis=1)


class DrawsFromNumpy(GoodSpan):
    """Draws from NumPy's global generator."""

    def order(self, batch: TokenBatch, row: int, rng: np.random.Generator) -> np.ndarray:
        return np.random.permutation(int(batch.lengths[row]))


class DrawsFromPython(GoodSpan):
    """Draws from Python's global generator."""

    def order(self, batch: TokenBatch, row: int, rng: np.random.Generator) -> np.ndarray:
        order = list(range(int(batch.lengths[row])))
        random.shuffle(order)
        return np.array(order, dtype=int)


class DrawsFromNowhere(GoodSpan):
    """Makes a generator that the operating system seeds."""

    def order(self, batch: TokenBatch, row: int, rng: np.random.Generator) -> np.ndarray:
        return np.random.default_rng().permutation(int(batch.lengths[row]))


@dataclass(frozen=True)
class IndependentTokens(GoodSpan):
    """BERT's way: on overlapping k-mers the neighbours of a chosen token show its letters."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        if budget.per == "nucleotide":
            return super().select(batch, key, budget)
        draws = key.uniform(batch.input_ids.shape[1])
        zero = np.zeros(batch.input_ids.shape, dtype=bool)
        if batch.weights is not None:
            rows = np.arange(len(batch))[:, None]
            last = np.maximum(batch.lengths[:, None] - 1, 0)
            zero = batch.weights[rows, np.minimum(batch.offsets[..., 0], last)] == 0
        return (draws < budget.rate) & ~batch.special_tokens_mask & ~zero


class ChangesItsInput(GoodSpan):
    """Writes into the batch, as DNABERT's program does."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        mask = super().select(batch, key, budget)
        batch.input_ids[mask] = 4
        return mask


class ReturnsIndices(GoodSpan):
    """Returns token indices instead of a mask."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> Any:
        return [np.flatnonzero(row) for row in super().select(batch, key, budget)]


class ReturnsIntegers(GoodSpan):
    """Returns 0 and 1."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> Any:
        return super().select(batch, key, budget).astype(np.int64)


class RaisesOnOneRow(GoodSpan):
    """Squeezes, and so loses the batch axis of one row."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        mask = super().select(batch, key, budget)
        if len(batch) == 1:
            raise IndexError("too many indices for array")
        return mask


class RaisesOnEmptyRows(GoodSpan):
    """Divides by the number of tokens, as GeneMask's program fails on a row of padding."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        if batch.special_tokens_mask.all(axis=1).any():
            raise ZeroDivisionError("division by zero")
        return super().select(batch, key, budget)


class NeedsSixLetters(GoodSpan):
    """Takes windows of six, and forgot sequences of two to five letters."""

    def order(self, batch: TokenBatch, row: int, rng: np.random.Generator) -> np.ndarray:
        if 2 <= batch.lengths[row] < 6:
            raise ValueError("negative dimensions are not allowed")
        return super().order(batch, row, rng)


class MasksTooMuch(GoodSpan):
    """Takes the rate for that of the centres, and each masks several tokens."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        if budget.per == "token":
            budget = replace(budget, rate=min(1.0, 1.3 * budget.rate))
        return super().select(batch, key, budget)


class IgnoresNucleotideBudgets(GoodSpan):
    """Reads the rate and not what it is a rate of."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        return super().select(batch, key, replace(budget, per="token"))


class AlwaysMasksOne(GoodSpan):
    """Chooses at least one token, at rate 0 too."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        return super().select(batch, key, replace(budget, rate=max(budget.rate, 0.03)))


class OneKeyForAll(GoodSpan):
    """Uses the key of the first row for every row, so that a mask depends on its batch."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        return super().select(batch, RngKey(np.repeat(key.words[:1], len(batch))), budget)


class CountsPadding(GoodSpan):
    """Lets the width of the batch into the random numbers."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        # A batch of one keeps its width, so that only padding tells.
        return super().select(batch, key.fold_in(batch.input_ids.shape[1]), budget)


class HashesStrings(GoodSpan):
    """Uses Python's hash of a string, which differs from process to process."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        return super().select(batch, key.fold_in(hash("salt")), budget)


class IgnoresWeights(GoodSpan):
    """Does not look at the weights."""

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> np.ndarray:
        return super().select(batch.with_weights(None), key, budget)


class ForgetsParameter(GoodSpan):
    """Builds itself without its parameters."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ForgetsParameter:
        if set(config) - {"name", "unit"}:
            raise ValueError("unknown parameter")
        return cls()


class SwallowsTypos(GoodSpan):
    """Ignores parameters that it does not know."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SwallowsTypos:
        return cls(unit=config.get("unit", 2))


class HoldsArray(GoodSpan):
    """Puts an array into its configuration."""

    def to_config(self) -> dict[str, Any]:
        return {"name": self.name, "unit": np.int64(self.unit)}


class HoldsLambda(GoodSpan):
    """Keeps a function that cannot be pickled."""

    def __init__(self, unit: int = 2) -> None:
        super().__init__(unit)
        self.__dict__["function"] = lambda codes: codes == UNKNOWN


@dataclass(frozen=True)
class HidesItsNeed(GoodSpan):
    """Has a table as a parameter and does not say that it needs one, so that a run would give it none."""

    npmi: Any = None

    def to_config(self) -> dict[str, Any]:
        return {"name": self.name, "unit": self.unit}


class GoesWithoutItsTable(GoodSpan):
    """Says that it needs a table, and runs without one."""

    needs: ClassVar[tuple[str, ...]] = ("npmi",)

    def __init__(self, unit: int = 2, npmi: Any = None) -> None:
        super().__init__(unit)
        self.__dict__["npmi"] = npmi

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> GoesWithoutItsTable:
        return cls(**{key: value for key, value in config.items() if key != "name"})

    def to_config(self) -> dict[str, Any]:
        table = self.__dict__["npmi"]
        return {"name": self.name, "unit": self.unit, "npmi": None if table is None else {"k": table.k}}


class WantsTheMoon(GoodSpan):
    """Needs what no run has."""

    needs: ClassVar[tuple[str, ...]] = ("moon",)


class BadName(GoodSpan):
    """Is called in camel case."""

    name: ClassVar[str] = "mySpan"


@dataclass(frozen=True)
class GoodSwitch(Configurable):
    """Switches when perplexity stops falling, and remembers the best in its state."""

    name: ClassVar[str] = "test.switch"
    drop: float = 1.0
    strategies: ClassVar[tuple[str, ...]] = ("span", "random_token")
    probes: ClassVar[tuple[str, ...]] = ("span",)

    def initial_state(self) -> dict[str, Any]:
        return {"best": None, "switched": None}

    def spec(self, state: Mapping[str, Any], step: int) -> MaskSpec:
        switched = state["switched"] is not None and step >= state["switched"]
        return MaskSpec.single("random_token" if switched else "span", 0.15)

    def update(self, state: Mapping[str, Any], step: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        now, best = metrics["perplexity"], state["best"]
        if not np.isfinite(now):
            return dict(state)
        calm = best is not None and best - now < self.drop and state["switched"] is None
        return {"best": now, "switched": step if calm else state["switched"]}


class StateNotJson(GoodSwitch):
    """Keeps a set in its state."""

    def initial_state(self) -> dict[str, Any]:
        return {**super().initial_state(), "seen": set()}


class StateWithTuple(GoodSwitch):
    """Keeps a tuple in its state, which comes back from JSON as a list."""

    def initial_state(self) -> dict[str, Any]:
        return {**super().initial_state(), "seen": ()}

    def update(self, state: Mapping[str, Any], step: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        return {**super().update(state, step, metrics), "seen": (*state["seen"], step)}


class EndsTooSoon(GoodSwitch):
    """Knows no step after its table ends."""

    def spec(self, state: Mapping[str, Any], step: int) -> MaskSpec:
        if step > 100_000:
            raise IndexError("list index out of range")
        return super().spec(state, step)


class RemembersInside(GoodSwitch):
    """Keeps its memory in the object, so that a resumed run starts anew."""

    def update(self, state: Mapping[str, Any], step: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        best = self.__dict__.get("best")
        result = super().update({**state, "best": best}, step, metrics)
        self.__dict__["best"] = result["best"]
        return {**result, "best": None}


class ChangesItsState(GoodSwitch):
    """Writes into the state that it is given."""

    def update(self, state: Mapping[str, Any], step: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        result = super().update(state, step, metrics)
        state.update(result)  # type: ignore[attr-defined]
        return state  # type: ignore[return-value]


class CountsQuestions(GoodSwitch):
    """Counts how often it is asked, as if every question were a step."""

    def spec(self, state: Mapping[str, Any], step: int) -> MaskSpec:
        asked = self.__dict__["asked"] = self.__dict__.get("asked", 0) + 1
        return MaskSpec.single("span", 0.1 + 0.0001 * (asked % 7))


class DrawsItsStrategy(GoodSwitch):
    """Throws a global dice itself."""

    def spec(self, state: Mapping[str, Any], step: int) -> MaskSpec:
        random.random()
        return super().spec(state, step)


class TripsOverInfinity(GoodSwitch):
    """Puts an infinite perplexity into its state."""

    def update(self, state: Mapping[str, Any], step: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        now, best = metrics["perplexity"], state["best"]
        calm = best is not None and best - now < self.drop and state["switched"] is None
        return {"best": now, "switched": step if calm else state["switched"]}


class SurpriseStrategy(GoodSwitch):
    """Names a strategy that was not announced."""

    strategies: ClassVar[tuple[str, ...]] = ("span",)


class ProbesAsList(GoodSwitch):
    """Gives its probes as one string."""

    probes: ClassVar[Any] = "span"


@dataclass(frozen=True)
class GoodPairs(Configurable):
    """Consecutive pairs of letters, a single one at the end; anything with N is unknown."""

    name: ClassVar[str] = "test.pairs"
    vocab_size: ClassVar[int] = 5 + 16 + 4
    pad_token_id: ClassVar[int] = 0
    mask_token_id: ClassVar[int] = 4
    special_ids: ClassVar[np.ndarray] = np.arange(5)

    def encode(self, sequence: str) -> Encoding:
        codes = NucleotideBatch.from_strings([sequence]).codes[0]
        ids, offsets = [2], [(0, 0)]
        for start in range(0, codes.size, 2):
            pair = codes[start : start + 2].tolist()
            number = 1 if UNKNOWN in pair else 5 + 4 * pair[0] + pair[1] if len(pair) == 2 else 21 + pair[0]
            ids.append(number)
            offsets.append((start, start + len(pair)))
        ids.append(3)
        offsets.append((0, 0))
        array = np.array(ids, dtype=np.int64)
        return Encoding(array, np.array(offsets, dtype=np.int32), array < 5)

    def encode_batch(self, sequences: Sequence[str] | NucleotideBatch) -> TokenBatch:
        batch = (
            sequences if isinstance(sequences, NucleotideBatch) else NucleotideBatch.from_strings(sequences)
        )
        letters = np.array(list("ACGTN"))
        texts = ["".join(letters[row[:size]]) for row, size in zip(batch.codes, batch.lengths, strict=True)]
        return pad_encodings([self.encode(text) for text in texts], batch, self.pad_token_id)


def changed(encoding: Encoding, **fields: np.ndarray) -> Encoding:
    """Return an encoding with other fields."""
    return replace(encoding, **fields)


class ClosedIntervals(GoodPairs):
    """Gives the last nucleotide of a token instead of the one behind it."""

    def encode(self, sequence: str) -> Encoding:
        encoding = super().encode(sequence)
        offsets = encoding.offsets.copy()
        offsets[1:-1, 1] -= 1
        return changed(encoding, offsets=offsets)


class CountsFromOne(GoodPairs):
    """Counts nucleotides from 1."""

    def encode(self, sequence: str) -> Encoding:
        encoding = super().encode(sequence)
        offsets = encoding.offsets.copy()
        offsets[1:-1] += 1
        return changed(encoding, offsets=offsets)


class DropsTheEnd(GoodPairs):
    """Leaves the odd letter at the end out."""

    def encode(self, sequence: str) -> Encoding:
        encoding = super().encode(sequence)
        if encoding.offsets[-2, 1] - encoding.offsets[-2, 0] != 1:
            return encoding
        keep = np.delete(np.arange(encoding.input_ids.size), -2)
        return Encoding(encoding.input_ids[keep], encoding.offsets[keep], encoding.special_tokens_mask[keep])


class IdTooLarge(GoodPairs):
    """Declares a vocabulary that is one short."""

    vocab_size: ClassVar[int] = 5 + 16 + 3


class PadIsOrdinary(GoodPairs):
    """Leaves the mask out of the special ids, so that a random replacement may draw it."""

    special_ids: ClassVar[np.ndarray] = np.arange(4)


class UnmarkedUnknown(GoodPairs):
    """Forgets to mark [UNK]."""

    def encode(self, sequence: str) -> Encoding:
        encoding = super().encode(sequence)
        return changed(encoding, special_tokens_mask=np.isin(encoding.input_ids, (0, 2, 3, 4)))


class PadsOnTheLeft(GoodPairs):
    """Pads with the wrong id."""

    def encode_batch(self, sequences: Sequence[str] | NucleotideBatch) -> TokenBatch:
        batch = super().encode_batch(sequences)
        return replace(batch, input_ids=np.where(batch.attention_mask, batch.input_ids, 4))


class CaseMatters(GoodPairs):
    """Takes lower case for N."""

    def encode(self, sequence: str) -> Encoding:
        return super().encode("".join("N" if letter in "acgtu" else letter for letter in sequence))


class SwallowsRubbish(GoodPairs):
    """Drops what it does not know."""

    def encode(self, sequence: str) -> Encoding:
        return super().encode("".join(letter for letter in sequence if letter.upper() in "ACGTUN"))


class FailsWhenEmpty(GoodPairs):
    """Cannot encode an empty sequence."""

    def encode(self, sequence: str) -> Encoding:
        if not sequence:
            raise IndexError("list index out of range")
        return super().encode(sequence)


class ListsForArrays(GoodPairs):
    """Returns lists."""

    def encode(self, sequence: str) -> Any:
        encoding = super().encode(sequence)
        return {"input_ids": encoding.input_ids.tolist()}


class RandomPhase(GoodPairs):
    """Draws a phase from the global generator."""

    def encode_batch(self, sequences: Sequence[str] | NucleotideBatch) -> TokenBatch:
        random.random()
        return super().encode_batch(sequences)


class ReadsAhead(GoodPairs):
    """Overlapping words of three letters that are said to be single letters."""

    vocab_size: ClassVar[int] = 5 + 5 * 125

    def encode(self, sequence: str) -> Encoding:
        codes = NucleotideBatch.from_strings([sequence]).codes[0].tolist()
        ids, offsets = [2], [(0, 0)]
        for place in range(len(codes)):
            word = [*codes[place : place + 3], UNKNOWN, UNKNOWN][:3]
            ids.append(5 + sum(code * 5**power for power, code in enumerate(word)))
            offsets.append((place, place + 1))
        array = np.array([*ids, 3], dtype=np.int64)
        return Encoding(array, np.array([*offsets, (0, 0)], dtype=np.int32), array < 5)


class ReadsNothing(GoodPairs):
    """Gives every letter the same id."""

    def encode(self, sequence: str) -> Encoding:
        encoding = super().encode(sequence)
        return changed(encoding, input_ids=np.where(encoding.special_tokens_mask, encoding.input_ids, 5))


class HeadSaysTheLetters(GoodPairs):
    """Puts the first pair of letters into a token that covers none."""

    vocab_size: ClassVar[int] = 5 + 16 + 4 + 5
    special_ids: ClassVar[np.ndarray] = np.array([0, 1, 2, 3, 4, 25, 26, 27, 28, 29])

    def encode(self, sequence: str) -> Encoding:
        encoding = super().encode(sequence)
        codes = NucleotideBatch.from_strings([sequence]).codes[0]
        ids = encoding.input_ids.copy()
        ids[0] = 25 + (codes[0] if codes.size else 0)
        return changed(encoding, input_ids=ids)


class SpellsInAnotherOrder(GoodPairs):
    """Spells its pairs in DNABERT's order of the letters, but numbers them in the alphabet's."""

    spellings: ClassVar[tuple[str, ...]] = (
        *[""] * 5,
        *(one + other for one in "ATCG" for other in "ATCG"),
        *"ATCG",
    )
