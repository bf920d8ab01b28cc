"""The record of an application: what it submitted, on what shapes, after what. The emulator's only input.

Format (`.cedrrec`, little-endian, append-only), the same that libcedr writes:

    header, 64 bytes   magic "CEDRREC1", u32 version = 1, u32 state (0 running, 1 ended, 2 ended with an error),
                       u64 length_bytes (whole chunks allocated so far, header included), u32 host time (0 unknown,
                       1 off, 2 fixed, 3 blocks, 4 measured), 36 reserved bytes
    chunk, repeated    u32 kind (1 EVENTS, 2 AUX, 3 CLASSES), u32 thread, u64 capacity_bytes (a multiple of 8),
                       u64 used_bytes (stored last; a reader trusts nothing else), u64 reserved; then the data

A stream is the used parts of all chunks of one kind and thread, in file order. An event has 8 bytes: u8 kind, u8
n_aux (255: the count is the first aux word), u16 class, u32 host_ns (host time before the event). AUX holds u32 words
that the events of the same thread consume in order. CLASSES (thread 0) holds one JSON object a line, one a class.

A writer stores an entry before the `used_bytes` that covers it, so a process that dies at any moment leaves a record
that can be read up to its last published entry; so does a file that was cut short. What contradicts the format is
refused with the byte where it stands.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt

from cedr.target.api import CallClass
from cedr.target.errors import CedrError

MAGIC: Final = b"CEDRREC1"
VERSION: Final = 1
HEADER_BYTES: Final = 64
CHUNK_HEADER_BYTES: Final = 32
STATES: Final = ("running", "ended", "failed")

EVENTS: Final = 1
AUX: Final = 2
CLASSES: Final = 3
STREAM_NAMES: Final = {EVENTS: "EVENTS", AUX: "AUX", CLASSES: "CLASSES"}

EVENT_SUBMIT: Final = 1
EVENT_SUBMIT_AT: Final = 2
EVENT_BLOCK: Final = 3
EVENT_WAIT: Final = 4
EVENT_HOST: Final = 5
EVENT_SPAWN: Final = 6
EVENT_JOIN: Final = 7
EVENT_END: Final = 8
EVENT_HOST_WORK: Final = 9
EVENT_DETACHED: Final = 10
EVENT_NAMES: Final = (
    "", "SUBMIT", "SUBMIT_AT", "BLOCK", "WAIT", "HOST", "SPAWN", "JOIN", "END", "HOST_WORK", "DETACHED"
)  # fmt: skip
#: Aux words that an event of each kind must have: at least (SUBMIT, SUBMIT_AT, BLOCK, WAIT), exactly (the others).
_LEAST_AUX: Final = (0, 0, 1, 0, 0, 2, 1, 1, 0, 4, 0)
_EXACT_AUX: Final = (False, False, False, False, False, True, True, True, True, True, True)
#: In the class field of a WAIT. CONTINUED: its list goes on that of the event before it.
WAIT_INFERRED: Final = 1
WAIT_TENTATIVE: Final = 2
WAIT_AMBIGUOUS: Final = 4
WAIT_CONTINUED: Final = 8
#: With CONTINUED: any of these will do as well; as many have to end as the WAIT named without them.
WAIT_ALTERNATIVES: Final = 16
AUX_COUNT_FOLLOWS: Final = 255

STEP_SUBMIT: Final = 1
STEP_BLOCK: Final = 2
STEP_WAIT: Final = 3
STEP_WAIT_ALL: Final = 4
STEP_HOST: Final = 5
STEP_HOST_WORK: Final = 6
STEP_SPAWN: Final = 7
STEP_JOIN: Final = 8
STEP_END: Final = 9
STEP_WAIT_SOME: Final = 10
SOME_SHIFT: Final = 32
SOME_MASK: Final = (1 << SOME_SHIFT) - 1
"""A STEP_WAIT_SOME's count: of the tasks to end, above that of the tasks there are."""

MAX_CLASSES: Final = 65535
_EVENT: Final = np.dtype([("kind", "u1"), ("n_aux", "u1"), ("class", "<u2"), ("host_ns", "<u4")])

State = Literal["running", "ended", "failed"]
HostTime = Literal["unknown", "off", "fixed", "blocks", "measured"]
HOST_TIMES: Final[tuple[HostTime, ...]] = ("unknown", "off", "fixed", "blocks", "measured")
Int64Array = npt.NDArray[np.int64]
UInt32Array = npt.NDArray[np.uint32]


class RecordError(CedrError):
    """A record that contradicts its format, or can't be read or written; the text names the file and the byte."""


@dataclass(frozen=True)
class ThreadStream:
    """What one application thread did.

    steps: int64[k, 3], in order, one row a step (kind, a, b):
        STEP_SUBMIT (first, count)     submits submitted[first : first + count]
        STEP_BLOCK (first, count)      the same, then waits for the last of them
        STEP_WAIT (first, count)       waits for the tasks waits[first : first + count]
        STEP_WAIT_SOME (first, count)  waits until count >> 32 of the tasks waits[first : first + (count & 0xffffffff)] have
                                       ended, whichever they are; the application has waited for the first of them
        STEP_WAIT_ALL                  waits for all that this thread has submitted so far
        STEP_HOST (ns)                 computes on its own core
        STEP_HOST_WORK (flops, bytes)  the same, as work
        STEP_SPAWN (thread), STEP_JOIN (thread), STEP_END (exit code)
    submitted: uint32[n], task indices in the order of submission. waits: uint32[w], task indices.
    wait_flags: uint16, one for each STEP_WAIT, STEP_WAIT_SOME and STEP_WAIT_ALL: what is known of it, of WAIT_INFERRED (the
    thread was seen to spin), WAIT_TENTATIVE (another thread waited for the same calls, this one only looked),
    WAIT_AMBIGUOUS (there were calls of several barriers that it could be waiting for).
    """

    number: int
    steps: Int64Array
    submitted: UInt32Array
    waits: UInt32Array
    wait_flags: npt.NDArray[np.uint16] = field(default_factory=lambda: np.empty(0, np.uint16))

    @property
    def ended(self) -> bool:
        """Whether the stream's last step is END."""
        return len(self.steps) > 0 and int(self.steps[-1, 0]) == STEP_END

    @property
    def exit_code(self) -> int | None:
        """The code of the END step; None where the thread was cut off."""
        return int(self.steps[-1, 1]) if self.ended else None


@dataclass(frozen=True)
class Record:
    """A record as flat arrays over n tasks. A task's *index* is the rank of its id: the id itself where ids are dense.

    classes     the class table
    task_ids    uint32[n], ascending
    class_of    uint16[n], by task index
    after_indptr, after_indices   int64[n + 1], uint32[edges]: the tasks (indices) that task i waits for are
                after_indices[after_indptr[i] : after_indptr[i + 1]]
    threads     one stream per application thread, by thread number; thread 0 is the application's main thread
    state       what the header says: running, ended, failed
    truncated   the file is shorter than its header says
    complete    the process came to its own end, without an error, and nothing of the record is missing
    detached    uint32, ascending: tasks that were submitted so that nobody can wait for them alone
    host_time   where the host times come from: off (there are none), fixed (a stated figure for each segment), blocks (a
                stated figure for each basic block), measured (by the clock of the machine that recorded)
    """

    path: Path | None
    classes: tuple[CallClass, ...]
    task_ids: UInt32Array
    class_of: npt.NDArray[np.uint16]
    after_indptr: Int64Array
    after_indices: UInt32Array
    threads: tuple[ThreadStream, ...]
    state: State = "ended"
    truncated: bool = False
    detached: UInt32Array = field(default_factory=lambda: np.empty(0, np.uint32))
    host_time: HostTime = "unknown"

    @property
    def complete(self) -> bool:
        return self.state == "ended" and not self.truncated

    @property
    def exit_code(self) -> int | None:
        """The exit code of the main thread; None where it was cut off."""
        return self.threads[0].exit_code if self.threads and self.threads[0].number == 0 else None

    def __len__(self) -> int:
        return len(self.task_ids)

    def calls(self) -> int:
        """How many of the tasks are calls of an API: all but the joins, which cost nothing."""
        joins = np.array([call.api == "join" for call in self.classes], np.bool_)
        return len(self) - (int(joins[self.class_of].sum()) if joins.any() else 0)

    def unwaited(self) -> UInt32Array:
        """Tasks, ascending, that no thread and no other task ever waited for, the detached ones not counted."""
        waited = np.zeros(len(self), np.bool_)
        waited[self.detached] = True
        waited[self.after_indices] = True
        for thread in self.threads:
            kinds = thread.steps[:, 0]
            named = np.ones(len(thread.waits), np.bool_)
            for first, count in thread.steps[kinds == STEP_WAIT_SOME, 1:].tolist():
                named[first + (count >> SOME_SHIFT) : first + (count & SOME_MASK)] = False
            waited[thread.waits[named]] = True
            blocks = thread.steps[kinds == STEP_BLOCK]
            waited[thread.submitted[blocks[:, 1] + blocks[:, 2] - 1]] = True
            if len(everything := np.flatnonzero(kinds == STEP_WAIT_ALL)):
                before = thread.steps[: everything[-1]]
                waited[thread.submitted[: before[np.isin(before[:, 0], (STEP_SUBMIT, STEP_BLOCK)), 2].sum()]] = True
        return np.flatnonzero(~waited).astype(np.uint32)


# --------------------------------------------------------------------------------------------------------- reading


@dataclass
class _Stream:
    """The used parts of the chunks of one kind and thread."""

    starts: list[int] = field(default_factory=list)
    parts: list[npt.NDArray[np.uint8]] = field(default_factory=list)

    def joined(self, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        if not self.parts:
            return np.empty(0, dtype)
        data = self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)
        return data[: len(data) // dtype.itemsize * dtype.itemsize].view(dtype)

    def byte(self, offset: int) -> int:
        """The file's byte at an offset of the stream."""
        for start, part in zip(self.starts, self.parts, strict=True):
            if offset < len(part):
                return start + offset
            offset -= len(part)
        return self.starts[-1] + len(self.parts[-1]) + offset if self.starts else HEADER_BYTES


@dataclass
class _Thread:
    """One thread's events, decoded as far as they are whole."""

    number: int
    stream: _Stream
    kinds: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.uint16]
    host_ns: UInt32Array
    aux: UInt32Array
    counts: Int64Array
    offsets: Int64Array

    def cut(self, length: int) -> None:
        self.kinds, self.classes, self.host_ns = self.kinds[:length], self.classes[:length], self.host_ns[:length]
        self.counts, self.offsets = self.counts[:length], self.offsets[:length]

    def byte(self, event: int) -> int:
        return self.stream.byte(event * _EVENT.itemsize)

    def submissions(self) -> npt.NDArray[np.bool_]:
        return (self.kinds >= EVENT_SUBMIT) & (self.kinds <= EVENT_BLOCK)

    def ids(self, events: Int64Array) -> Int64Array:
        """Task ids of the given submission events (all of them, in order): int64."""
        positions = np.arange(len(events), dtype=np.int64)
        at = self.kinds[events] == EVENT_SUBMIT_AT
        if not at.any():
            return positions
        named = np.flatnonzero(at)
        base = np.full(len(events), -1, np.int64)
        base[named] = named
        base = np.maximum.accumulate(base)
        first = self.aux[self.offsets[events[named]]].astype(np.int64)
        shift = np.zeros(len(events), np.int64)
        shift[named] = first - named
        return positions + np.where(base >= 0, shift[np.maximum(base, 0)], 0)

    def lists(self, events: Int64Array) -> tuple[Int64Array, UInt32Array]:
        """The id lists of the given events (after lists, wait sets), flattened: indptr int64[k + 1], ids uint32."""
        at = (self.kinds[events] == EVENT_SUBMIT_AT).astype(np.int64)
        counts = self.counts[events] - at
        indptr = np.zeros(len(events) + 1, np.int64)
        np.cumsum(counts, out=indptr[1:])
        starts = self.offsets[events] + at
        if len(events) and np.array_equal(starts, starts[0] + indptr[:-1]):
            return indptr, self.aux[starts[0] : starts[0] + indptr[-1]]
        places = np.arange(indptr[-1], dtype=np.int64) + np.repeat(starts - indptr[:-1], counts)
        return indptr, self.aux[places]


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.state: State = "running"
        self.host_time: HostTime = "unknown"
        self.truncated = False
        #: An unfinished record ends where the next entry is missing; a finished one has no such excuse.
        self.partial = True

    def refuse(self, byte: int, expected: str, found: object) -> RecordError:
        return RecordError(f"{self.path}: byte {byte}: expected {expected}, found {found}")

    def read(self) -> Record:
        try:
            size = self.path.stat().st_size
            if size < HEADER_BYTES:
                raise self.refuse(size, f"a header of {HEADER_BYTES} bytes", f"the end of a file of {size} bytes")
            data: npt.NDArray[np.uint8] = np.memmap(self.path, np.uint8, "r")
        except OSError as error:
            raise RecordError(f"{self.path}: the record can't be read: {error.strerror or error}") from error
        end = self._header(data)
        streams = self._chunks(data, end)
        classes = self._classes(streams.pop((CLASSES, 0), _Stream()))
        numbers = sorted({number for kind, number in streams if kind != CLASSES})
        threads = [self._events(number, streams, len(classes)) for number in numbers]
        return self._assemble(classes, threads)

    def _header(self, data: npt.NDArray[np.uint8]) -> int:
        if bytes(data[:8]) != MAGIC:
            raise self.refuse(0, f"the magic {MAGIC.decode()!r} of a record", repr(bytes(data[:8])))
        version, state = (int(word) for word in data[8:16].view("<u4"))
        if version != VERSION:
            raise self.refuse(8, f"format version {VERSION}", version)
        if state >= len(STATES):
            raise self.refuse(12, "a state of 0 (running), 1 (ended) or 2 (ended with an error)", state)
        length = int(data[16:24].view("<u8")[0])
        if length < HEADER_BYTES:
            raise self.refuse(16, f"a length of at least {HEADER_BYTES} bytes", length)
        host_time = int(data[24:28].view("<u4")[0])
        if host_time >= len(HOST_TIMES):
            raise self.refuse(24, "a host time of 0 (unknown) to 4 (measured)", host_time)
        self.state = ("running", "ended", "failed")[state]
        self.host_time = HOST_TIMES[host_time]
        self.truncated = length > len(data)
        self.partial = state == 0 or self.truncated
        return length

    def _chunks(self, data: npt.NDArray[np.uint8], end: int) -> dict[tuple[int, int], _Stream]:
        streams: dict[tuple[int, int], _Stream] = {}
        position, size = HEADER_BYTES, len(data)
        while position < end:
            if position + CHUNK_HEADER_BYTES > size:
                if self.truncated:
                    break
                raise self.refuse(position, f"a chunk header of {CHUNK_HEADER_BYTES} bytes", f"{size - position} bytes")
            kind, thread = (int(word) for word in data[position : position + 8].view("<u4"))
            capacity, used = (int(word) for word in data[position + 8 : position + 24].view("<u8"))
            start = position + CHUNK_HEADER_BYTES
            if kind not in STREAM_NAMES:
                raise self.refuse(position, "a chunk of kind 1 (EVENTS), 2 (AUX) or 3 (CLASSES)", kind)
            if kind == CLASSES and thread != 0:
                raise self.refuse(position + 4, "thread 0 for a chunk of classes", thread)
            if capacity % 8:
                raise self.refuse(position + 8, "a capacity that is a multiple of 8", capacity)
            if start + capacity > end:
                raise self.refuse(
                    position + 8, f"a chunk that ends by byte {end}, as the header says", start + capacity
                )
            if used > capacity:
                raise self.refuse(position + 16, f"at most {capacity} bytes used, the chunk's capacity", used)
            unit = {EVENTS: 8, AUX: 4, CLASSES: 1}[kind]
            if used % unit:
                raise self.refuse(position + 16, f"a multiple of {unit} bytes used", used)
            stream = streams.setdefault((kind, thread), _Stream())
            stream.starts.append(start)
            stream.parts.append(data[start : min(start + used, size)])
            position = start + capacity
        return streams

    def _classes(self, stream: _Stream) -> tuple[CallClass, ...]:
        text = stream.joined(np.dtype(np.uint8)).tobytes()
        classes: list[CallClass] = []
        offset = 0
        for line in text.splitlines(keepends=True):
            if self.partial and not line.endswith(b"\n"):
                break
            classes.append(CallClass.from_json(line, f"{self.path}: byte {stream.byte(offset)}"))
            offset += len(line)
        return tuple(classes)

    def _events(self, number: int, streams: dict[tuple[int, int], _Stream], n_classes: int) -> _Thread:
        stream = streams.get((EVENTS, number), _Stream())
        aux_stream = streams.get((AUX, number), _Stream())
        events = stream.joined(_EVENT)
        aux: UInt32Array = aux_stream.joined(np.dtype("<u4"))
        kinds = np.ascontiguousarray(events["kind"])
        host_ns = np.ascontiguousarray(events["host_ns"])
        counts = events["n_aux"].astype(np.int64)
        offsets = np.zeros(len(events), np.int64)
        long = np.flatnonzero(counts == AUX_COUNT_FOLLOWS)
        counts[long] = 0
        if len(events):
            np.cumsum(counts[:-1], out=offsets[1:])
        if len(long):
            extra = 0
            shifts = np.zeros(len(events) + 1, np.int64)
            for event in long.tolist():
                place = int(offsets[event]) + extra
                count = int(aux[place]) if place < len(aux) else len(aux)  # past the end: found below
                counts[event] = count
                shifts[event] += 1  # this event's own words begin behind the count
                shifts[event + 1] += count
                extra += 1 + count
            offsets += np.cumsum(shifts[:-1])
        thread = _Thread(number, stream, kinds, np.ascontiguousarray(events["class"]), host_ns, aux, counts, offsets)

        unknown = np.flatnonzero((kinds == 0) | (kinds > EVENT_DETACHED))
        missing = np.flatnonzero(offsets + counts > len(aux))
        whole = min((int(where[0]) for where in (unknown, missing) if len(where)), default=len(events))
        if whole < len(events) and len(unknown) and whole == unknown[0]:
            raise self.refuse(thread.byte(whole), "an event of kind 1 to 10", int(kinds[whole]))
        if whole < len(events) and not self.partial:
            raise self.refuse(
                thread.byte(whole),
                f"{int(counts[whole])} aux words for a {EVENT_NAMES[kinds[whole]]} of thread {number}",
                f"{max(0, len(aux) - int(offsets[whole]))} left of its AUX stream",
            )
        thread.cut(whole)
        self._check_events(thread)
        classed = np.flatnonzero(thread.submissions() & (thread.classes >= n_classes))
        if len(classed):
            if not self.partial:
                event = int(classed[0])
                raise self.refuse(
                    thread.byte(event) + 2, f"a class below {n_classes}, the table's length", int(thread.classes[event])
                )
            thread.cut(int(classed[0]))
        return thread

    def _check_events(self, thread: _Thread) -> None:
        for kind in range(EVENT_SUBMIT, EVENT_DETACHED + 1):
            least, exact = _LEAST_AUX[kind], _EXACT_AUX[kind]
            if least == 0 and not exact:
                continue
            of_kind = np.flatnonzero(thread.kinds == kind)
            counts = thread.counts[of_kind]
            wrong = of_kind[(counts != least) if exact else (counts < least)]
            if len(wrong):
                event = int(wrong[0])
                wanted = f"{'' if exact else 'at least '}{least} aux words for a {EVENT_NAMES[kind]}"
                raise self.refuse(thread.byte(event) + 1, wanted, int(thread.counts[event]))
        waits = thread.kinds == EVENT_WAIT
        continued = waits & (thread.classes & WAIT_CONTINUED > 0)
        detached = thread.kinds == EVENT_DETACHED
        before = np.zeros(len(waits), np.uint8)  # the kinds of the events before
        before[1:] = thread.kinds[:-1]
        submitted = (before == EVENT_SUBMIT) | (before == EVENT_SUBMIT_AT)
        for what, wrong in (
            ("a WAIT with flags below 32", waits & (thread.classes > 31)),
            (
                "alternatives only in a WAIT that goes on a list",
                waits & ~continued & (thread.classes & WAIT_ALTERNATIVES > 0),
            ),
            ("a WAIT before a WAIT that goes on its list", continued & (before != EVENT_WAIT)),
            ("no host time in a WAIT that goes on a list", continued & (thread.host_ns > 0)),
            ("a SUBMIT or SUBMIT_AT before a DETACHED", detached & ~submitted),
        ):
            if wrong.any():
                event = int(np.argmax(wrong))
                found = f"{EVENT_NAMES[before[event]] or 'nothing'}, and flags {int(thread.classes[event])}"
                raise self.refuse(thread.byte(event), what, found)
        ends = np.flatnonzero(thread.kinds == EVENT_END)
        if len(ends) and ends[0] + 1 < len(thread.kinds):
            after = int(ends[0]) + 1
            name = EVENT_NAMES[thread.kinds[after]]
            raise self.refuse(thread.byte(after), f"nothing behind the END of thread {thread.number}", f"a {name}")

    def _assemble(self, classes: tuple[CallClass, ...], threads: list[_Thread]) -> Record:
        while True:
            events = [np.flatnonzero(thread.submissions()) for thread in threads]
            ids = [thread.ids(where) for thread, where in zip(threads, events, strict=True)]
            for thread, where, names in zip(threads, events, ids, strict=True):
                if len(names) and int(names.max()) > 0xFFFFFFFF:
                    event = int(where[np.argmax(names > 0xFFFFFFFF)])
                    raise self.refuse(thread.byte(event), "a task id of 32 bits", int(names.max()))
            table = _Ids(self, threads, events, ids)
            lists = [thread.lists(where) for thread, where in zip(threads, events, strict=True)]
            # A thread that was cut may have submitted tasks that others name: until nothing changes.
            if not self._cut_unknown(threads, events, lists, table):
                break
        n = len(table.ids)
        class_of = np.empty(n, np.uint16)
        counts = np.zeros(n + 1, np.int64)
        for thread, where, index, (indptr, _) in zip(threads, events, table.index, lists, strict=True):
            class_of[index] = thread.classes[where]
            counts[index.astype(np.int64) + 1] = np.diff(indptr)
        after_indptr = np.cumsum(counts)
        if table.in_order:
            after_indices = table.lookup(lists[0][1])[0]
        else:
            after_indices = np.empty(int(after_indptr[-1]), np.uint32)
            for index, (indptr, listed) in zip(table.index, lists, strict=True):
                places = np.arange(indptr[-1], dtype=np.int64)
                places += np.repeat(after_indptr[index] - indptr[:-1], np.diff(indptr))
                after_indices[places] = table.lookup(listed)[0]
        streams = tuple(
            self._steps(thread, where, index, table)
            for thread, where, index in zip(threads, events, table.index, strict=True)
        )
        detached = [
            index[np.searchsorted(where, np.flatnonzero(thread.kinds == EVENT_DETACHED)) - 1]
            for thread, where, index in zip(threads, events, table.index, strict=True)
        ]
        return Record(
            self.path,
            classes,
            table.ids,
            class_of,
            after_indptr,
            after_indices,
            streams,
            self.state,
            self.truncated,
            np.sort(np.concatenate([np.empty(0, np.uint32), *detached])),
            self.host_time,
        )

    def _cut_unknown(
        self, threads: list[_Thread], events: list[Int64Array], lists: list[tuple[Int64Array, UInt32Array]], table: _Ids
    ) -> bool:
        """Refuse lists that name tasks not submitted before; in a partial record, end the thread there instead."""
        changed = False
        for place, (thread, where, afters) in enumerate(zip(threads, events, lists, strict=True)):
            first = len(thread.kinds)
            waits = np.flatnonzero(thread.kinds == EVENT_WAIT)
            for listed, positions, (indptr, names) in (
                (where, np.arange(len(where)), afters),
                (waits, np.searchsorted(where, waits), thread.lists(waits)),
            ):
                if table.in_order and self._all_before(indptr, names, positions):
                    continue
                index, known = table.lookup(names)
                if known.all():
                    owner = np.repeat(positions, np.diff(indptr))
                    same = table.thread_of is None or table.thread_of[index] == place
                    known = ~(same & (table.position[index] >= owner))
                if not known.all():
                    bad = int(np.argmin(known))
                    event = int(listed[np.searchsorted(indptr, bad, side="right") - 1])
                    if not self.partial:
                        kind = EVENT_NAMES[thread.kinds[event]]
                        wanted = f"a {kind} of thread {thread.number} to name tasks submitted before it"
                        raise self.refuse(thread.byte(event), wanted, f"task {int(names[bad])}")
                    first = min(first, event)
            if first < len(thread.kinds):
                thread.cut(first)
                changed = True
        return changed

    @staticmethod
    def _all_before(indptr: Int64Array, names: UInt32Array, positions: Int64Array) -> bool:
        """Whether every list's largest name is below its own position: enough where ids are 0, 1, 2 ... in order."""
        listing = np.flatnonzero(np.diff(indptr))
        if not len(listing):
            return True
        return bool((np.maximum.reduceat(names, indptr[listing]) < positions[listing]).all())

    def _steps(self, thread: _Thread, where: Int64Array, index: UInt32Array, table: _Ids) -> ThreadStream:
        kinds, host_ns = thread.kinds, thread.host_ns
        is_submit = thread.submissions()
        plain = is_submit & (kinds != EVENT_BLOCK)
        opens = is_submit.copy()  # a run of submissions goes on behind a plain one, without host time between them
        opens[1:] &= ~plain[:-1] | (host_ns[1:] > 0)
        waits = np.flatnonzero(kinds == EVENT_WAIT)
        continued = thread.classes[waits] & WAIT_CONTINUED > 0
        own = np.where(is_submit, opens, kinds != EVENT_DETACHED)  # events that have a row of their own
        own[waits[continued]] = False
        rows = (host_ns > 0).astype(np.int64) + own
        ends = np.cumsum(rows)
        steps = np.zeros((int(ends[-1]) if len(ends) else 0, 3), np.int64)
        hosted = np.flatnonzero(host_ns > 0)
        steps[ends[hosted] - rows[hosted], 0] = STEP_HOST
        steps[ends[hosted] - rows[hosted], 1] = host_ns[hosted]

        starts = np.flatnonzero(opens[where])
        bounds = np.append(starts, len(where))
        at = ends[where[starts]] - 1
        if len(starts):
            blocks = kinds[where[bounds[1:] - 1]] == EVENT_BLOCK
            steps[at, 0] = np.where(blocks, STEP_BLOCK, STEP_SUBMIT)
            steps[at, 1] = starts
            steps[at, 2] = np.diff(bounds)

        indptr, names = thread.lists(waits)
        heads = waits[~continued]
        firsts = indptr[:-1][~continued]
        counts = np.diff(np.append(firsts, indptr[-1]))
        steps[ends[heads] - 1, 0] = np.where(counts > 0, STEP_WAIT, STEP_WAIT_ALL)
        steps[ends[heads] - 1, 1] = np.where(counts > 0, firsts, 0)
        steps[ends[heads] - 1, 2] = counts
        alternatives = thread.classes[waits] & WAIT_ALTERNATIVES > 0
        if alternatives.any():
            others = np.add.reduceat(np.where(alternatives, np.diff(indptr), 0), np.flatnonzero(~continued))
            some = np.flatnonzero(others > 0)
            steps[ends[heads[some]] - 1, 0] = STEP_WAIT_SOME
            steps[ends[heads[some]] - 1, 2] |= counts[some] - others[some] << SOME_SHIFT

        def words(events: Int64Array, first: int, n: int) -> Int64Array:
            """n aux words from the given one on, as one integer each, low word first."""
            value = thread.aux[thread.offsets[events] + first].astype(np.int64)
            if n == 2:
                high = thread.aux[thread.offsets[events] + first + 1].astype(np.int64)
                too_far = np.flatnonzero(high >= 1 << 31)
                if len(too_far):
                    event = int(events[too_far[0]])
                    raise self.refuse(thread.byte(event), "an amount below 2^63", "one that is not")
                value |= high << 32
            return value

        for kind, step, width in (
            (EVENT_HOST, STEP_HOST, 2),
            (EVENT_HOST_WORK, STEP_HOST_WORK, 2),
            (EVENT_SPAWN, STEP_SPAWN, 1),
            (EVENT_JOIN, STEP_JOIN, 1),
        ):
            events = np.flatnonzero(kinds == kind)
            steps[ends[events] - 1, 0] = step
            steps[ends[events] - 1, 1] = words(events, 0, width)
            if kind == EVENT_HOST_WORK:
                steps[ends[events] - 1, 2] = words(events, 2, 2)
        over = np.flatnonzero(kinds == EVENT_END)
        steps[ends[over] - 1, 0] = STEP_END
        steps[ends[over] - 1, 1] = thread.classes[over]
        return ThreadStream(thread.number, steps, index, table.lookup(names)[0], thread.classes[heads])


class _Ids:
    """Task ids to task indices, over all threads. Refuses an id submitted twice.

    ids: uint32[n] ascending. index: per thread, uint32[submissions]. position: int64[n], place in its thread's order
    of submission, by index. thread_of: int64[n], place of its thread in `threads`; None where there is one thread.
    """

    def __init__(
        self, reader: _Reader, threads: list[_Thread], events: list[Int64Array], ids: list[Int64Array]
    ) -> None:
        every = ids[0] if len(ids) == 1 else np.concatenate([np.empty(0, np.int64), *ids])
        n = len(every)
        ordinals = np.arange(n)
        #: One thread, and its ids are 0, 1, 2 ... in the order of submission.
        self.in_order = len(ids) == 1 and bool((every == ordinals).all())
        self.dense = self.in_order
        order = None
        if not self.in_order:
            if n and int(every.max()) < n:
                order = np.full(n, -1, np.int64)
                order[every] = ordinals
                self.dense = bool((order >= 0).all())
            if not self.dense:
                order = np.argsort(every, kind="stable")
                ascending = every[order]
                twice = np.flatnonzero(ascending[1:] == ascending[:-1])
                if len(twice):
                    place = int(order[twice[0] + 1])
                    for thread, where, names in zip(threads, events, ids, strict=True):
                        if place < len(names):
                            raise reader.refuse(
                                thread.byte(int(where[place])),
                                "each task id once",
                                f"task {int(names[place])} submitted again by thread {thread.number}",
                            )
                        place -= len(names)
        self.ids: UInt32Array = (ordinals if order is None or self.dense else every[order]).astype(np.uint32)
        self.index: list[UInt32Array] = []
        for names in ids:
            known = names if self.dense else np.searchsorted(self.ids, names)
            self.index.append(self.ids if self.in_order else known.astype(np.uint32))
        lengths = [len(names) for names in ids]
        local = ordinals if len(ids) == 1 else np.concatenate([ordinals[:0], *map(np.arange, lengths)])
        self.position: Int64Array = local if order is None else local[order]
        self.thread_of: Int64Array | None = None
        if len(ids) != 1:
            owners = np.repeat(np.arange(len(ids)), lengths)
            self.thread_of = owners if order is None else owners[order]

    def lookup(self, names: UInt32Array) -> tuple[UInt32Array, npt.NDArray[np.bool_]]:
        """Indices of ids, and which of the ids exist (the index of one that doesn't means nothing)."""
        n = len(self.ids)
        if self.dense:
            return names, names < n
        if n == 0:
            return names, np.zeros(len(names), np.bool_)
        index = np.minimum(np.searchsorted(self.ids, names), n - 1)
        return index.astype(np.uint32), self.ids[index] == names


def read_record(path: str | os.PathLike[str]) -> Record:
    """Read a record, whole or as far as its process came.

    Raises RecordError, naming the byte and what was expected there, where the file contradicts the format, and
    CallClassError, naming the byte, where a line of the class table is no class of the API table.
    """
    return _Reader(Path(path)).read()


# --------------------------------------------------------------------------------------------------------- writing

_FIRST_CAPACITY: Final = {EVENTS: 1 << 16, AUX: 1 << 16, CLASSES: 1 << 13}
_TYPICAL_CAPACITY: Final = 1 << 20


@dataclass
class _Chunk:
    position: int
    capacity: int
    used: int


class RecordWriter:
    """Writes a record, readable at any moment up to the last call that returned.

    A context manager: leaving it by an exception ends the record as failed. `submit_many` takes whole grids: its cost
    is that of a few NumPy operations and one write a chunk. An existing file is refused, never overwritten.
    """

    def __init__(self, path: str | os.PathLike[str], host_time: HostTime = "unknown") -> None:
        self.path = Path(path)
        self._chunks: dict[tuple[int, int], _Chunk] = {}
        self._last_id: dict[int, int] = {}
        self._indices: dict[bytes, int] = {}
        self._length = HEADER_BYTES
        self._file = -1
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644)
        except FileExistsError as error:
            raise RecordError(f"{self.path}: a record is never overwritten; remove the file or name another") from error
        except OSError as error:
            raise RecordError(f"{self.path}: the record can't be written: {error.strerror or error}") from error
        header = MAGIC + np.array([VERSION, 0], "<u4").tobytes() + np.array([HEADER_BYTES], "<u8").tobytes()
        header += np.array([HOST_TIMES.index(host_time)], "<u4").tobytes()
        self._store(0, header.ljust(HEADER_BYTES, b"\0"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=error is not None)

    def close(self, failed: bool = False) -> None:
        """End the record: as ended, or as ended with an error. Later calls do nothing."""
        if self._file >= 0:
            self._store(12, np.array([2 if failed else 1], "<u4").tobytes())
            os.close(self._file)
            self._file = -1

    def add_class(self, call: CallClass) -> int:
        """The index of a class in the record's table; equal classes get the same one."""
        line = call.to_json().encode() + b"\n"
        if line not in self._indices:
            if len(self._indices) == MAX_CLASSES:
                raise RecordError(f"{self.path}: a record has at most {MAX_CLASSES} classes of calls")
            self._append(CLASSES, 0, line)
            self._indices[line] = len(self._indices)
        return self._indices[line]

    def submit_many(
        self,
        class_indices: npt.ArrayLike,
        ids: npt.ArrayLike,
        after_indptr: npt.ArrayLike,
        after_indices: npt.ArrayLike,
        *,
        host_ns: npt.ArrayLike = 0,
        block: npt.ArrayLike = False,
        thread: int = 0,
    ) -> None:
        """Submit k tasks, in this order.

        class_indices: [k] or one for all, from `add_class`. ids: [k], distinct, below 2^32. The ids that task i waits
        for are after_indices[after_indptr[i] : after_indptr[i + 1]], submitted before. host_ns: host time before each,
        below 2^32. block: the thread waits for the task at once (its id must be the one behind the last).
        """
        names = np.atleast_1d(np.asarray(ids, np.int64))
        k = len(names)
        indptr = np.asarray(after_indptr, np.int64)
        after = np.asarray(after_indices, np.int64)
        classes = np.broadcast_to(np.asarray(class_indices, np.int64), k)
        blocks = np.broadcast_to(np.asarray(block, np.bool_), k)
        host = np.broadcast_to(np.asarray(host_ns, np.int64), k)
        if indptr.shape != (k + 1,) or indptr[0] != 0 or indptr[-1] != len(after) or (np.diff(indptr) < 0).any():
            raise self._wrong("after_indptr to rise from 0 to the length of after_indices in k + 1 entries", indptr)
        if k == 0:
            return
        for what, values, limit in (
            ("ids below 2^32", names, 1 << 32),
            ("ids below 2^32 in after_indices", after, 1 << 32),
            ("host times below 2^32 ns", host, 1 << 32),
            (f"class indices below {len(self._indices)}", classes, len(self._indices)),
        ):
            if len(values) and (int(values.min()) < 0 or int(values.max()) >= limit):
                raise self._wrong(what, values[(values < 0) | (values >= limit)][0])
        previous = np.empty(k, np.int64)
        previous[0] = self._last_id.get(thread, -1)
        previous[1:] = names[:-1]
        at = names != previous + 1
        if (at & blocks).any():
            raise self._wrong("a blocking call's id to be the one behind the thread's last", names[at & blocks][0])
        counts = np.diff(indptr) + at
        events = np.zeros(k, _EVENT)
        events["kind"] = np.where(blocks, EVENT_BLOCK, np.where(at, EVENT_SUBMIT_AT, EVENT_SUBMIT))
        events["class"] = classes
        events["host_ns"] = host
        self._emit(thread, events, counts, at, names, indptr, after)
        self._last_id[thread] = int(names[-1])

    def _emit(
        self,
        thread: int,
        events: npt.NDArray[Any],
        counts: Int64Array,
        at: npt.NDArray[np.bool_],
        names: Int64Array,
        indptr: Int64Array,
        lists: Int64Array,
    ) -> None:
        long = counts >= AUX_COUNT_FOLLOWS
        events["n_aux"] = np.where(long, AUX_COUNT_FOLLOWS, counts)
        if not at.any() and not long.any():
            aux = lists.astype("<u4")
        else:
            ends = np.cumsum(counts + long)
            aux = np.empty(int(ends[-1]), "<u4")
            starts = ends - counts - long
            aux[starts[long]] = counts[long]
            aux[starts[at] + long[at]] = names[at]
            shift = starts + long + at - indptr[:-1]
            aux[np.arange(len(lists), dtype=np.int64) + np.repeat(shift, np.diff(indptr))] = lists
        self._append(AUX, thread, aux.tobytes())
        self._append(EVENTS, thread, events.tobytes())

    def detached(self, *, thread: int = 0) -> None:
        """Nobody can wait for the task that the thread has just submitted."""
        self._event(EVENT_DETACHED, np.empty(0, np.int64), 0, thread)

    def wait(self, ids: npt.ArrayLike | None = None, *, flags: int = 0, host_ns: int = 0, thread: int = 0) -> None:
        """The thread waits for the given tasks; for all that it has submitted so far, without ids.

        flags: of WAIT_INFERRED, WAIT_TENTATIVE, WAIT_AMBIGUOUS, and WAIT_CONTINUED where the thread's last event is a
        wait that these ids belong to, as its alternatives with WAIT_ALTERNATIVES.
        """
        names = np.empty(0, np.int64) if ids is None else np.atleast_1d(np.asarray(ids, np.int64))
        if ids is not None and len(names) == 0:
            raise self._wrong("at least one id to wait for", "an empty set")
        self._event(EVENT_WAIT, names, host_ns, thread, flags)

    def host(self, duration_ns: int, *, thread: int = 0) -> None:
        """The thread computes for a time."""
        self._event(EVENT_HOST, _halves(duration_ns), 0, thread)

    def host_work(self, flops: int, size_bytes: int, *, thread: int = 0) -> None:
        """The thread computes: so many operations on so many bytes."""
        self._event(EVENT_HOST_WORK, np.concatenate([_halves(flops), _halves(size_bytes)]), 0, thread)

    def spawn(self, child: int, *, thread: int = 0) -> None:
        """The thread starts another."""
        self._event(EVENT_SPAWN, np.array([child]), 0, thread)

    def join(self, child: int, *, thread: int = 0) -> None:
        """The thread waits for another's end."""
        self._event(EVENT_JOIN, np.array([child]), 0, thread)

    def end(self, exit_code: int = 0, *, thread: int = 0) -> None:
        """The thread's last event."""
        self._event(EVENT_END, np.empty(0, np.int64), 0, thread, exit_code)

    def _event(self, kind: int, words: Int64Array, host_ns: int, thread: int, number: int = 0) -> None:
        if len(words) and (int(words.min()) < 0 or int(words.max()) >> 32):
            raise self._wrong("numbers of 32 bits", words)
        if not 0 <= host_ns < 1 << 32:
            raise self._wrong("a host time below 2^32 ns", host_ns)
        events = np.zeros(1, _EVENT)
        events["kind"], events["class"], events["host_ns"] = kind, number, host_ns
        none = np.zeros(1, np.bool_)
        self._emit(thread, events, np.array([len(words)]), none, words, np.array([0, len(words)]), words)

    def _wrong(self, expected: str, found: object) -> RecordError:
        return RecordError(f"{self.path}: expected {expected}, found {found}")

    def _append(self, kind: int, thread: int, data: bytes) -> None:
        if self._file < 0:
            raise RecordError(f"{self.path}: the record is closed")
        view = memoryview(data)
        while len(view):
            chunk = self._chunks.get((kind, thread))
            if chunk is None or chunk.used == chunk.capacity:
                chunk = self._chunks[kind, thread] = self._new_chunk(kind, thread, len(view), chunk)
            part = view[: chunk.capacity - chunk.used]
            self._store(chunk.position + CHUNK_HEADER_BYTES + chunk.used, part)
            chunk.used += len(part)
            self._store(chunk.position + 16, np.array([chunk.used], "<u8").tobytes())
            view = view[len(part) :]

    def _new_chunk(self, kind: int, thread: int, n_bytes: int, last: _Chunk | None) -> _Chunk:
        capacity = _FIRST_CAPACITY[kind] if last is None else min(2 * last.capacity, _TYPICAL_CAPACITY)
        capacity = max(capacity, (n_bytes + 7) // 8 * 8)
        chunk = _Chunk(self._length, capacity, 0)
        end = self._length + CHUNK_HEADER_BYTES + capacity
        header = np.array([kind, thread], "<u4").tobytes() + np.array([capacity, 0, 0], "<u8").tobytes()
        self._store(chunk.position, header)
        try:
            os.ftruncate(self._file, end)
        except OSError as error:
            raise RecordError(f"{self.path}: the record can't grow: {error.strerror or error}") from error
        self._length = end
        self._store(16, np.array([end], "<u8").tobytes())
        return chunk

    def _store(self, position: int, data: bytes | memoryview) -> None:
        view = memoryview(data)
        try:
            while len(view):
                written = os.pwrite(self._file, view, position)
                view, position = view[written:], position + written
        except OSError as error:
            raise RecordError(f"{self.path}: the record can't be written: {error.strerror or error}") from error


def _halves(amount: int) -> Int64Array:
    """An amount below 2^63 as two words, low first."""
    if not 0 <= amount < 1 << 63:
        raise RecordError(f"an amount of host work is at least 0 and below 2^63; got {amount}")
    return np.array([amount & 0xFFFFFFFF, amount >> 32])
