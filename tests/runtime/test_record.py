"""Records: what is written is read, whole, torn at any byte, or refused with the byte that is wrong."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cedr.runtime.record import (
    CHUNK_HEADER_BYTES,
    HEADER_BYTES,
    SOME_SHIFT,
    STEP_BLOCK,
    STEP_END,
    STEP_HOST,
    STEP_HOST_WORK,
    STEP_JOIN,
    STEP_SPAWN,
    STEP_SUBMIT,
    STEP_WAIT,
    STEP_WAIT_ALL,
    STEP_WAIT_SOME,
    WAIT_ALTERNATIVES,
    WAIT_AMBIGUOUS,
    WAIT_CONTINUED,
    WAIT_INFERRED,
    WAIT_TENTATIVE,
    Record,
    RecordError,
    RecordWriter,
    read_record,
)
from cedr.target.errors import CedrError
from tests.runtime.applications import Application, Event, call_class, random_application, write_event
from tests.steps import steps_of

APIS = ["gemm", "fft", "zip", "kernel", "join"]


def events_of(record: Record, thread_place: int) -> list[Event]:
    """A thread's steps as the events that they came from; a BLOCK's wait and host time before it included."""
    thread = record.threads[thread_place]
    events: list[Event] = []
    numbers = {STEP_SPAWN: "spawn", STEP_JOIN: "join", STEP_END: "end"}
    for step, a, b in thread.steps.tolist():
        if step == STEP_HOST:
            events.append(Event("host", number=a))
        elif step in (STEP_SUBMIT, STEP_BLOCK):
            for place, index in enumerate(thread.submitted[a : a + b].tolist()):
                listed = record.after_indices[record.after_indptr[index] : record.after_indptr[index + 1]]
                kind = "block" if step == STEP_BLOCK and place == b - 1 else "submit"
                after = tuple(record.task_ids[listed].tolist())
                task, of = int(record.task_ids[index]), int(record.class_of[index])
                events.append(Event(kind, task=task, kind_of_task=of, listed=after))
        elif step == STEP_WAIT:
            events.append(Event("wait", listed=tuple(record.task_ids[thread.waits[a : a + b]].tolist())))
        elif step == STEP_WAIT_ALL:
            events.append(Event("wait_all"))
        else:
            events.append(Event(numbers[step], number=a))
    return events


def spelled_out(events: list[Event]) -> list[Event]:
    """Host time before an event as an event of its own."""
    spelled = []
    for event in events:
        if event.host_ns:
            spelled.append(Event("host", number=event.host_ns))
        spelled.append(Event(event.kind, 0, event.task, event.kind_of_task, event.listed, event.number))
    return spelled


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), n=st.integers(0, 40))
def test_what_is_written_is_read(seed: int, n: int, tmp_path: Path) -> None:
    application = random_application(Random(seed), n, APIS)
    path = tmp_path / "a.cedrrec"
    path.unlink(missing_ok=True)
    record = application.record(path)
    assert record.complete
    assert [call.label for call in record.classes] == [f"grid:{index}" for index in range(len(APIS))]
    assert [thread.number for thread in record.threads] == sorted(application.threads)
    for place, thread in enumerate(record.threads):
        assert events_of(record, place) == spelled_out(application.threads[thread.number])
    assert record.exit_code == application.threads[0][-1].number
    assert len(record) == n and record.task_ids.tolist() == list(range(n))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tasks=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 600)), max_size=30),
    factor=st.integers(1, 1000),
    reverse=st.booleans(),
    pieces=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_bulk_submissions_in_pieces(
    tasks: list[tuple[int, int, int]], factor: int, reverse: bool, pieces: int, seed: int, tmp_path: Path
) -> None:
    """Sparse ids in any order, lists of up to 600 entries (the count has a word of its own from 255 on)."""
    random = Random(seed)
    n = len(tasks)
    ids = [place * factor + 3 for place in range(n)]
    if reverse:
        ids.reverse()
    lists = [random.choices(ids[:place], k=length) if place else [] for place, (_, _, length) in enumerate(tasks)]
    path = tmp_path / "a.cedrrec"
    path.unlink(missing_ok=True)
    bounds = sorted(random.choices(range(n + 1), k=pieces - 1))
    with RecordWriter(path) as writer:
        for api in APIS:
            writer.add_class(call_class(api))
        for first, last in zip([0, *bounds], [*bounds, n], strict=True):
            part = lists[first:last]
            writer.submit_many(
                [kind for kind, _, _ in tasks[first:last]],
                ids[first:last],
                np.cumsum([0, *map(len, part)]),
                [entry for entries in part for entry in entries],
                host_ns=[host for _, host, _ in tasks[first:last]],
            )
    record = read_record(path)
    order = np.argsort(ids)
    assert record.task_ids.tolist() == sorted(ids)
    assert record.class_of.tolist() == [tasks[place][0] for place in order]
    for index, place in enumerate(order):
        listed = record.after_indices[record.after_indptr[index] : record.after_indptr[index + 1]]
        assert record.task_ids[listed].tolist() == lists[place]
    if n:
        assert record.task_ids[record.threads[0].submitted].tolist() == ids
        steps = record.threads[0].steps
        assert steps[steps[:, 0] == STEP_HOST, 1].sum() == sum(host for _, host, _ in tasks)


def test_every_kind_of_event(tmp_path: Path) -> None:
    path = tmp_path / "a.cedrrec"
    with RecordWriter(path) as writer:
        kind = writer.add_class(call_class("gemm"))
        assert writer.add_class(call_class("gemm")) == kind
        writer.submit_many(kind, [0, 1], [0, 0, 1], [0], host_ns=[0, 9])
        writer.submit_many(kind, [2], [0, 0], [], block=True)
        writer.wait([2, 0], host_ns=4)
        writer.wait()
        writer.host(2**40 + 1)
        writer.host_work(2**33, 2**35 + 7)
        writer.spawn(3)
        writer.submit_many(kind, [7], [0, 1], [1], thread=3)
        writer.end(thread=3)
        writer.join(3)
        writer.end(5)
    record = read_record(path)
    main, other = record.threads
    assert main.steps.tolist() == [
        [STEP_SUBMIT, 0, 1],
        [STEP_HOST, 9, 0],
        [STEP_BLOCK, 1, 2],
        [STEP_HOST, 4, 0],
        [STEP_WAIT, 0, 2],
        [STEP_WAIT_ALL, 0, 0],
        [STEP_HOST, 2**40 + 1, 0],
        [STEP_HOST_WORK, 2**33, 2**35 + 7],
        [STEP_SPAWN, 3, 0],
        [STEP_JOIN, 3, 0],
        [STEP_END, 5, 0],
    ]
    assert main.waits.tolist() == [2, 0]
    assert other.number == 3 and other.submitted.tolist() == [3] and other.exit_code == 0
    assert record.task_ids.tolist() == [0, 1, 2, 7]
    assert record.exit_code == 5 and record.class_of.tolist() == [0] * 4


def small_application() -> Application:
    listed = tuple(range(3))
    return Application(
        ["gemm", "join"],
        {
            0: [
                Event("submit", task=0, kind_of_task=0),
                Event("submit", task=1, kind_of_task=0, listed=(0,)),
                Event("submit", 6, 2, 1, (0, 1)),
                Event("spawn", number=1),
                Event("block", task=3, kind_of_task=0, listed=listed),
                Event("submit", task=9, kind_of_task=1, listed=(3,) * 300),
                Event("wait", 3, listed=(9, 0)),
                Event("join", number=1),
                Event("end"),
            ],
            1: [
                Event("submit", task=20, kind_of_task=1, listed=(0,)),
                Event("wait", listed=(20, 2)),
                Event("end"),
            ],
        },
    )


def assert_prefix(part: Record, whole: Record) -> None:
    assert part.classes == whole.classes[: len(part.classes)]
    streams = {thread.number: place for place, thread in enumerate(whole.threads)}
    for place, thread in enumerate(part.threads):
        events, full = events_of(part, place), events_of(whole, streams[thread.number])
        if events and events[-1].kind == "host" and events != full[: len(events)]:
            events.pop()
        assert events == full[: len(events)]
    assert set(part.task_ids.tolist()) <= set(whole.task_ids.tolist())


def test_torn_at_each_byte(tmp_path: Path) -> None:
    path = tmp_path / "whole.cedrrec"
    whole = small_application().record(path)
    data = compact(path.read_bytes())
    path.write_bytes(data)
    assert events_of(read_record(path), 0) == events_of(whole, 0)
    torn = tmp_path / "torn.cedrrec"
    lengths = set()
    for size in range(len(data)):
        torn.write_bytes(data[:size])
        if size < HEADER_BYTES:
            with pytest.raises(RecordError, match=rf"torn.cedrrec: byte {size}: expected a header of 64 bytes"):
                read_record(torn)
            continue
        part = read_record(torn)
        assert part.truncated and not part.complete
        assert_prefix(part, whole)
        lengths.add(len(part))
    assert len(lengths) >= 5


def compact(data: bytes) -> bytes:
    """The same record, in chunks no larger than what they hold: fewer bytes to try."""
    out, at = bytearray(data[:HEADER_BYTES]), HEADER_BYTES
    while at < len(data):
        kind, thread, capacity, used = struct.unpack_from("<IIQQ", data, at)
        kept = (used + 7) // 8 * 8
        out += struct.pack("<IIQQQ", kind, thread, kept, used, 0)
        out += data[at + CHUNK_HEADER_BYTES : at + CHUNK_HEADER_BYTES + kept]
        at += CHUNK_HEADER_BYTES + capacity
    struct.pack_into("<Q", out, 16, len(out))
    return bytes(out)


def test_readable_after_each_call_of_the_writer(tmp_path: Path) -> None:
    application = small_application()
    path = tmp_path / "a.cedrrec"
    writer = RecordWriter(path)
    for index, api in enumerate(application.apis):
        writer.add_class(call_class(api, f"grid:{index}"))
    written = {0: 0, 1: 0}
    order = [0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0]
    for thread in order:
        write_event(writer, thread, application.threads[thread][written[thread]])
        written[thread] += 1
        record = read_record(path)
        assert record.state == "running" and not record.complete and not record.truncated
        got = {t.number: events_of(record, place) for place, t in enumerate(record.threads)}
        for number, events in got.items():
            assert events == spelled_out(application.threads[number][: written[number]])
    writer.close()
    assert read_record(path).complete


def test_mutated_bytes_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.cedrrec"
    small_application().record(path)
    data = bytearray(compact(path.read_bytes()))
    random = Random(1)
    refused = 0
    for _ in range(1000):
        changed = bytearray(data)
        for _ in range(random.choice((1, 1, 2))):
            changed[random.randrange(len(data))] = random.choice((0, 1, 7, 255, random.randrange(256)))
        path.write_bytes(changed)
        try:
            read_record(path)
        except CedrError as error:
            refused += 1
            assert "a.cedrrec: byte " in str(error)
    assert refused > 100


def patched(tmp_path: Path, position: int, data: bytes) -> Path:
    """A record of three tasks with some bytes changed."""
    path = tmp_path / "a.cedrrec"
    with RecordWriter(path) as writer:
        kind = writer.add_class(call_class("gemm"))
        writer.submit_many(kind, [0, 1, 2], [0, 0, 1, 3], [0, 0, 1])
        writer.end()
    whole = bytearray(compact(path.read_bytes()))
    whole[position : position + len(data)] = data
    path.write_bytes(whole)
    return path


def places(tmp_path: Path) -> dict[str, int]:
    """Where the chunks of `patched` begin."""
    data = patched(tmp_path, 0, b"").read_bytes()
    (tmp_path / "a.cedrrec").unlink()
    found, at = {}, HEADER_BYTES
    while at < len(data):
        kind, _, capacity = struct.unpack_from("<IIQ", data, at)
        found[{1: "events", 2: "aux", 3: "classes"}[kind]] = at
        at += CHUNK_HEADER_BYTES + capacity
    return found


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


@pytest.mark.parametrize(
    ("chunk", "offset", "data", "message"),
    [
        ("", 0, b"NOTAREC1", r"byte 0: expected the magic 'CEDRREC1' of a record, found b'NOTAREC1'"),
        ("", 8, u32(2), "byte 8: expected format version 1, found 2"),
        ("", 12, u32(9), "byte 12: expected a state of 0"),
        ("", 16, u32(8, 0), "byte 16: expected a length of at least 64 bytes, found 8"),
        ("events", 0, u32(4), "byte {}: expected a chunk of kind 1 .EVENTS., 2 .AUX. or 3 .CLASSES., found 4"),
        ("classes", 4, u32(1), "byte {}: expected thread 0 for a chunk of classes, found 1"),
        ("events", 8, u32(33), "byte {}: expected a capacity that is a multiple of 8, found 33"),
        ("events", 8, u32(800), "byte {}: expected a chunk that ends by byte"),
        ("events", 16, u32(40), "byte {}: expected at most 32 bytes used, the chunk's capacity, found 40"),
        ("events", 16, u32(31), "byte {}: expected a multiple of 8 bytes used, found 31"),
        ("aux", 16, u32(8), r"byte \d+: expected 2 aux words for a SUBMIT of thread 0, found 1 left"),
        ("events", 32, b"\x0b", "byte {}: expected an event of kind 1 to 10, found 11"),
        ("events", 32, b"\x06", r"byte \d+: expected 1 aux words for a SPAWN, found 0"),
        ("events", 32, b"\x02", r"byte \d+: expected at least 1 aux words for a SUBMIT_AT, found 0"),
        ("events", 34, b"\x05", "byte {}: expected a class below 1, the table's length, found 5"),
        ("events", 32, b"\x08", r"byte \d+: expected nothing behind the END of thread 0, found a SUBMIT"),
        ("aux", 32, u32(1), r"byte \d+: expected a SUBMIT of thread 0 to name tasks submitted before it, found task 1"),
        ("aux", 32, u32(5), r"byte \d+: expected a SUBMIT of thread 0 to name tasks submitted before it, found task 5"),
        ("classes", 32, b"[", r"byte {}: a class is a JSON object"),
        ("classes", 40, b"x", r"byte \d+: .*"),
    ],
)
def test_what_contradicts_the_format_is_refused_with_its_byte(
    chunk: str, offset: int, data: bytes, message: str, tmp_path: Path
) -> None:
    position = offset + (places(tmp_path)[chunk] if chunk else 0)
    path = patched(tmp_path, position, data)
    with pytest.raises(CedrError, match=r"a.cedrrec: " + message.format(position)):
        read_record(path)


def test_a_task_submitted_twice_is_refused(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "a.cedrrec") as writer:
        kind = writer.add_class(call_class("gemm"))
        writer.submit_many(kind, [0, 4, 0], [0, 0, 0, 0], [])
    with pytest.raises(RecordError, match=r"expected each task id once, found task 0 submitted again by thread 0"):
        read_record(tmp_path / "a.cedrrec")


def test_files_that_are_no_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"none.cedrrec: the record can't be read: No such file"):
        read_record(tmp_path / "none.cedrrec")
    with pytest.raises(RecordError, match=r"the record can't be read: Is a directory|expected"):
        read_record(tmp_path)
    (tmp_path / "empty.cedrrec").touch()
    with pytest.raises(RecordError, match="byte 0: expected a header of 64 bytes"):
        read_record(tmp_path / "empty.cedrrec")


def test_a_record_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.cedrrec"
    RecordWriter(path).close()
    with pytest.raises(RecordError, match=r"a.cedrrec: a record is never overwritten"):
        RecordWriter(path)
    with pytest.raises(RecordError, match="can't be written: No such file or directory"):
        RecordWriter(tmp_path / "no" / "a.cedrrec")


def test_what_the_writer_refuses(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "a.cedrrec") as writer:
        kind = writer.add_class(call_class("gemm"))
        refusals: list[tuple[Callable[[], None], str]] = [
            (lambda: writer.submit_many(kind, [0], [0, 1], []), "after_indptr to rise from 0"),
            (lambda: writer.submit_many(kind, [-1], [0, 0], []), "ids below 2.32, found -1"),
            (lambda: writer.submit_many(kind + 1, [0], [0, 0], []), "class indices below 1, found 1"),
            (lambda: writer.submit_many(kind, [0], [0, 1], [2**32]), "ids below 2.32 in after_indices"),
            (lambda: writer.submit_many(kind, [0], [0, 0], [], host_ns=2**32), "host times below 2.32 ns"),
            (lambda: writer.submit_many(kind, [5], [0, 0], [], block=True), "a blocking call's id"),
            (lambda: writer.wait([]), "at least one id to wait for"),
            (lambda: writer.host(-1), "at least 0 and below 2.63; got -1"),
            (lambda: writer.wait(host_ns=2**32), "a host time below 2.32 ns"),
        ]
        for call, message in refusals:
            with pytest.raises(RecordError, match=message):
                call()
    with pytest.raises(RecordError, match="the record is closed"):
        writer.end()
    assert len(read_record(tmp_path / "a.cedrrec")) == 0


def test_leaving_by_an_exception_ends_the_record_as_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with RecordWriter(tmp_path / "a.cedrrec") as writer:
            writer.host(1)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    record = read_record(tmp_path / "a.cedrrec")
    assert (record.state, record.complete, record.truncated, record.exit_code) == ("failed", False, False, None)


WRITE_FOR_EVER = """
import sys
from cedr.runtime.record import RecordWriter
from cedr.target.api import CallClass

writer = RecordWriter(sys.argv[1])
kind = writer.add_class(CallClass("gemm", "f32", {"m": 1, "k": 1, "n": 1}))
writer.submit_many(kind, [0], [0, 0], [])
task = 1
while True:
    writer.submit_many(kind, range(task, task + 100), range(101), [0] * 100)
    task += 100
    print(task, flush=True)
"""


def test_a_killed_writer_leaves_a_readable_record(tmp_path: Path) -> None:
    path = tmp_path / "a.cedrrec"
    process = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 5000:
        pass
    process.kill()
    process.wait()
    record = read_record(path)
    assert record.state == "running" and len(record) >= 5000
    assert len(record.after_indices) == len(record) - 1


def test_a_record_is_read_in_as_many_steps_however_long_it_is(tmp_path: Path) -> None:
    assert steps_of_reading(tmp_path, 20_000) == steps_of_reading(tmp_path, 320_000)


def steps_of_reading(folder: Path, n: int) -> int:
    """Of reading a record of n tasks, layer after layer, which is checked too."""
    width = 5000
    random = np.random.default_rng(0)
    layer = np.arange(n) // width
    counts = np.where(layer > 0, random.integers(1, 4, n), 0)
    indptr = np.append(0, np.cumsum(counts))
    after = np.repeat((layer - 1) * width, counts) + random.integers(0, width, indptr[-1])
    path = folder / f"{n}.cedrrec"
    with RecordWriter(path) as writer:
        kind = writer.add_class(call_class("gemm"))
        writer.submit_many(kind, np.arange(n), indptr, after)
        writer.wait()
        writer.end()
    record = read_record(path)
    assert np.array_equal(record.after_indptr, indptr) and np.array_equal(record.after_indices, after)
    assert record.threads[0].steps.tolist() == [[STEP_SUBMIT, 0, n], [STEP_WAIT_ALL, 0, 0], [STEP_END, 0, 0]]
    return steps_of(lambda: read_record(path))


def test_what_is_known_of_waits(tmp_path: Path) -> None:
    """Flags, lists that go on in the next WAIT, tasks that nobody waits for."""
    path = tmp_path / "a.cedrrec"
    with RecordWriter(path, "fixed") as writer:
        kind = writer.add_class(call_class("zip"))
        none = np.zeros(2, np.int64)
        for task in range(7):
            writer.submit_many(kind, [task], none, [], block=task == 6, host_ns=5 * (task == 6))
            if task == 1:
                writer.detached()
        writer.wait([0], flags=WAIT_INFERRED, host_ns=9)
        writer.wait([2, 3], flags=WAIT_INFERRED | WAIT_CONTINUED)
        writer.wait([4], flags=WAIT_AMBIGUOUS | WAIT_TENTATIVE)
        writer.end()
    record = read_record(path)
    assert record.host_time == "fixed" and record.detached.tolist() == [1] and record.unwaited().tolist() == [5]
    thread = record.threads[0]
    assert thread.steps.tolist() == [
        [STEP_SUBMIT, 0, 2],
        [STEP_SUBMIT, 2, 4],
        [STEP_HOST, 5, 0],
        [STEP_BLOCK, 6, 1],
        [STEP_HOST, 9, 0],
        [STEP_WAIT, 0, 3],
        [STEP_WAIT, 3, 1],
        [STEP_END, 0, 0],
    ]
    assert thread.waits.tolist() == [0, 2, 3, 4]
    assert thread.wait_flags.tolist() == [WAIT_INFERRED, WAIT_AMBIGUOUS | WAIT_TENTATIVE]


def test_alternatives_make_a_wait_one_for_a_number_of_tasks(tmp_path: Path) -> None:
    path = tmp_path / "a.cedrrec"
    with RecordWriter(path) as writer:
        kind = writer.add_class(call_class("zip"))
        writer.submit_many(kind, [0, 1, 2, 3, 4], [0] * 6, [])
        writer.wait([0])
        writer.wait([0, 1], flags=WAIT_INFERRED)
        writer.wait([2], flags=WAIT_INFERRED | WAIT_CONTINUED)
        writer.wait([3, 4], flags=WAIT_CONTINUED | WAIT_ALTERNATIVES)
        writer.end()
    record = read_record(path)
    thread = record.threads[0]
    assert thread.steps.tolist() == [
        [STEP_SUBMIT, 0, 5],
        [STEP_WAIT, 0, 1],
        [STEP_WAIT_SOME, 1, 3 << SOME_SHIFT | 5],
        [STEP_END, 0, 0],
    ]
    assert thread.waits.tolist() == [0, 0, 1, 2, 3, 4] and thread.wait_flags.tolist() == [0, WAIT_INFERRED]
    assert record.unwaited().tolist() == [3, 4]


def test_a_wait_for_all_is_one_for_what_was_submitted_before(tmp_path: Path) -> None:
    path = tmp_path / "a.cedrrec"
    with RecordWriter(path) as writer:
        kind = writer.add_class(call_class("zip"))
        writer.submit_many(kind, [0, 1, 2], [0, 0, 0, 0], [])
        writer.wait()
        writer.submit_many(kind, [3, 4, 5], [0, 0, 1, 1], [3])
        writer.end()
    record = read_record(path)
    assert record.host_time == "unknown" and record.unwaited().tolist() == [4, 5]
    assert [thread.wait_flags.tolist() for thread in record.threads] == [[0]]


@pytest.mark.parametrize(
    ("flags", "before", "message"),
    [
        (32, "wait", "expected a WAIT with flags below 32, found WAIT, and flags 32"),
        (16, "wait", "expected alternatives only in a WAIT that goes on a list, found WAIT, and flags 16"),
        (WAIT_CONTINUED, "submit", "expected a WAIT before a WAIT that goes on its list, found SUBMIT, and flags 8"),
        (WAIT_CONTINUED, "host", "expected no host time in a WAIT that goes on a list, found WAIT, and flags 8"),
        (0, "detached", "expected a SUBMIT or SUBMIT_AT before a DETACHED, found nothing, and flags 0"),
        (0, "blocked", "expected a SUBMIT or SUBMIT_AT before a DETACHED, found BLOCK, and flags 0"),
    ],
)
def test_waits_that_contradict_the_format(flags: int, before: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.cedrrec"
    with RecordWriter(path) as writer:
        kind = writer.add_class(call_class("zip"))
        if before == "detached":
            writer.detached()
        writer.submit_many(kind, [0], [0, 0], [], block=before == "blocked")
        if before == "blocked":
            writer.detached()
        if before in ("wait", "host"):
            writer.wait([0])
        writer.wait([0], flags=flags, host_ns=3 * (before == "host"))
        writer.end()
    with pytest.raises(RecordError, match=rf"a.cedrrec: byte \d+: {message}"):
        read_record(path)


def test_an_unknown_host_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"byte 24: expected a host time of 0 \(unknown\) to 4 \(measured\), found 5"):
        read_record(patched(tmp_path, 24, u32(5)))
