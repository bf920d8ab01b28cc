"""What the engine does about faults. Imports numba by way of the loops; import it lazily.

The compiled loop knows little of faults: it comes back at the times asked for, when a task that something is wrong with
ends, when an awaited instance has arrived, and before a round with a task that no PE is left for. What is to be done
then is done here, on the loop's arrays, in plain Python: there are few faults in a run, and none cost nothing.

A task that failed on a PE is tried elsewhere: it goes back to the ready queue under a class of its own, with the same
estimates as its true class but for that PE, which does not offer it. So every scheduler takes another PE without knowing
why. Where no other is left it is tried on the same one.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cedr.runtime import loops
from cedr.runtime.fault import HANGING, FaultReport, Injected
from cedr.runtime.program import Program

Int64Array = npt.NDArray[np.int64]


def with_variants(by_type: Int64Array, type_of: Int64Array, pes: Sequence[int]) -> Int64Array:
    """int64[classes * (1 + len(pes)), types]: behind the classes, for each PE once more without it.

    A type that has no other PE does not offer a variant at all.
    """
    parts = [by_type]
    for pe in pes:
        part = by_type.copy()
        if np.count_nonzero(type_of == type_of[pe]) == 1:
            part[:, type_of[pe]] = -1
        parts.append(part)
    return np.concatenate(parts)


class Recovery:
    """The faults of one run, over the engine's arrays (the dictionary, whose arrays may be replaced by larger ones).

    classes: how many the program has; avoidable: the PEs whose variants `with_variants` made, in that order.
    """

    def __init__(
        self,
        arrays: dict[str, npt.NDArray[Any]],
        program: Program,
        faults: Sequence[Injected],
        pe_names: Sequence[str],
        avoidable: Sequence[int],
        linux: bool,
    ) -> None:
        self._arrays, self._program, self._faults, self._linux = arrays, program, faults, linux
        self._pe_names = pe_names
        self._n_classes = len(program.classes)
        self._variant = {pe: place + 1 for place, pe in enumerate(avoidable)}
        n_pes = len(pe_names)
        self._armed: list[deque[int]] = [deque() for _ in range(n_pes)]  # by PE: faults that wait for a task's end
        self._stopped = [False] * n_pes
        self._failures: dict[tuple[int, int], int] = {}  # (instance, task) -> how often it failed
        self._avoid: dict[tuple[int, int], int] = {}  # the PE on which it failed last
        self._awaiting: dict[int, list[int]] = {}  # instance -> faults that strike when it arrives
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._n_events = 0
        self.failed: set[int] = set()
        """Instances that were given up."""
        self.failed_rows: list[int] = []
        """Rows of attempts that came to nothing."""
        self.reports: list[FaultReport] = []
        for index, fault in enumerate(faults):
            self._at(fault.at_ns, lambda index=index: self._inject(index))  # type: ignore[misc]  # binds the number
        self._ask_for_next()

    # ------------------------------------------------------------------------------------------------ the loop's calls

    def handle(self) -> None:
        """Whatever the loop came back for."""
        trouble = self._arrays["trouble"]
        for pe in np.flatnonzero(trouble[:, loops.FAILED_CELL] >= 0).tolist():
            self._task_ended(pe)
        for instance in [i for i in self._awaiting if i < self._arrays["counters"][loops.NEXT_ARRIVAL]]:
            for index in self._awaiting.pop(instance):
                self._strike(index, instance)
        while self._events and self._events[0][0] <= self._now:
            heapq.heappop(self._events)[2]()
        self._give_up_lost()
        self._ask_for_next()

    def finish(self) -> None:
        """The run is over: faults that nothing ran into are reported."""
        for pe, armed in enumerate(self._armed):
            while armed:
                index = armed.popleft()
                self._report(index, "none", f"{self._pe_names[pe]}: no task ran there any more", pe=pe)

    @property
    def _now(self) -> int:
        return int(self._arrays["counters"][loops.NOW])

    def _at(self, time_ns: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time_ns, self._n_events, action))
        self._n_events += 1

    def _ask_for_next(self) -> None:
        counters = self._arrays["counters"]
        counters[loops.FAULT_AT] = self._events[0][0] if self._events else -1
        counters[loops.AWAITED] = min(self._awaiting) + 1 if self._awaiting else -1

    # ----------------------------------------------------------------------------------------------------------- faults

    def _inject(self, index: int) -> None:
        fault = self._faults[index]
        if fault.pe < 0:
            self._inject_application(index)
        elif self._stopped[fault.pe]:
            self._report(index, "none", f"{self._pe_names[fault.pe]} had stopped before", pe=fault.pe)
        elif fault.kind == "stop":
            self._stop(index)
        else:
            self._armed[fault.pe].append(index)
            if len(self._armed[fault.pe]) == 1:
                self._arm(fault.pe)

    def _arm(self, pe: int) -> None:
        """The first fault that waits on a PE: its running task fails, or the next one does."""
        fault, trouble = self._faults[self._armed[pe][0]], self._arrays["trouble"]
        hangs, runs = fault.kind in HANGING, self._arrays["pe_running"][pe] >= 0
        trouble[pe, loops.TROUBLE] = loops.HANGS if hangs and not runs else loops.FAILS
        trouble[pe, loops.TROUBLE_NS] = fault.timeout_ns
        if hangs and runs:
            self._hold_until(pe, self._now + fault.timeout_ns)

    def _hold_until(self, pe: int, time_ns: int) -> None:
        """The task that runs on a PE ends then. Its worker holds its core meanwhile, unless it sleeps."""
        arrays = self._arrays
        if not self._linux:
            row = self._take_off(pe)
            arrays["row_end_ns"][row] = time_ns
            n_running = int(arrays["counters"][loops.N_RUNNING])
            place = int(np.count_nonzero(arrays["run_end"][:n_running] > time_ns))
            for name, value in (("run_end", time_ns), ("run_row", row), ("run_pe", pe)):
                arrays[name][place + 1 : n_running + 1] = arrays[name][place:n_running].copy()
                arrays[name][place] = value
            arrays["counters"][loops.N_RUNNING] = n_running + 1
            return
        worker = arrays["entities"][pe]
        worker[loops.PHASE] = worker[loops.PHASE_END]
        if worker[loops.DOES] == loops.SLEEPS:
            timers = arrays["timers"][: arrays["counters"][loops.N_TIMERS]]
            timers[timers[:, 2] == pe, 0] = time_ns
            self._set_timers(timers)
        else:
            worker[loops.DOES], worker[loops.LEFT_NS] = loops.DRIVES, time_ns
            core = arrays["cores"][worker[loops.CORE]]
            core[loops.FLAG] = max(core[loops.FLAG], loops.GO_ON)

    def _task_ended(self, pe: int) -> None:
        """A task that something was wrong with has ended."""
        trouble = self._arrays["trouble"]
        cell, row = int(trouble[pe, loops.FAILED_CELL]), int(trouble[pe, loops.FAILED_ROW])
        trouble[pe, loops.FAILED_CELL] = -1
        self.failed_rows.append(row)
        self._attempt_failed(cell, pe, self._armed[pe].popleft() if self._armed[pe] else None)
        if self._armed[pe]:
            self._arm(pe)

    def _attempt_failed(self, cell: int, pe: int, index: int | None) -> None:
        """index: the fault that it failed by; None: only its instance had been given up."""
        slot, instance, task = self._place(cell)
        if instance in self.failed:
            if index is not None:
                text = f"{self._pe_names[pe]}: {self._task_text(instance, task)} was of an instance given up before"
                self._report(index, "dropped", text, pe=pe, instance=instance, task=task)
            self._free(slot)
            return
        assert index is not None
        fault, key = self._faults[index], (instance, task)
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        self._avoid[key] = pe
        text = f"{self._pe_names[pe]}: {_HAPPENED[fault.kind]} {self._task_text(instance, task)}"
        if failures > fault.retries:
            text += (
                f"; it failed {failures} times, so that the instance is given up"
                if failures > 1
                else ("; it is not to be tried again, so that the instance is given up")
            )
            self._give_up(instance)
            self._report(index, "failed", text, pe=pe, instance=instance, task=task)
            return
        self._to_ready_queue(cell)
        text += f"; it is tried again ({failures} of {fault.retries})"
        self._report(index, "retried", text, pe=pe, instance=instance, task=task)

    def _stop(self, index: int) -> None:
        """A PE takes nothing any more; what it has goes back to the ready queue, the running task first."""
        arrays, pe = self._arrays, self._faults[index].pe
        self._stopped[pe] = True
        arrays["estimate_ns"][:, pe] = -1
        arrays["lost"][:] = ~(arrays["estimate_ns"] >= 0).any(axis=1)
        arrays["counters"][loops.ANY_LOST] = 1
        running, queued = int(arrays["pe_running"][pe]), self._queue(pe)
        if running >= 0:
            row = int(arrays["entities"][pe, loops.ROW_OF]) if self._linux else self._take_off(pe)
            arrays["row_end_ns"][row] = self._now
            self.failed_rows.append(row)
        arrays["pe_running"][pe] = -1
        arrays["running_until_ns"][pe] = 0
        arrays["trouble"][pe, loops.TROUBLE] = loops.FINE
        self._set_queue(pe, [])
        if self._linux:
            self._rest(pe)
        number = f"{len(queued)} queued task{'' if len(queued) == 1 else 's'}"
        self._report(index, "stopped", f"{self._pe_names[pe]} stops; {number} went back to the ready queue", pe=pe)
        if running >= 0:
            self._attempt_failed(running, pe, index)
        for cell in queued:
            if self._place(cell)[1] not in self.failed:  # its instance may just have been given up
                self._to_ready_queue(cell)
        while self._armed[pe]:
            other = self._armed[pe].popleft()
            self._report(other, "none", f"{self._pe_names[pe]} stopped before", pe=pe)

    def _inject_application(self, index: int) -> None:
        fault, arrays = self._faults[index], self._arrays
        own = np.flatnonzero(arrays["application_of"] == fault.application)
        instance = fault.instance
        if instance is None:
            over = np.isin(own, list(self.failed)) | (arrays["finish_ns"][own] >= 0)
            left = own[~over]
            if not len(left):
                name = self._program.names[fault.application]
                self._report(index, "none", f"{name}: no instance was in flight, and none came")
                return
            instance = int(left[0])
        if instance < arrays["counters"][loops.NEXT_ARRIVAL]:
            self._strike(index, instance)
        else:
            self._awaiting.setdefault(instance, []).append(index)

    def _strike(self, index: int, instance: int) -> None:
        """A fault of an application meets an instance that has arrived."""
        fault, who = self._faults[index], self._instance_text(instance)
        if instance in self.failed or self._arrays["finish_ns"][instance] >= 0:
            had = "been given up" if instance in self.failed else "ended"
            self._report(index, "none", f"{who} had {had} before", instance=instance)
        elif fault.kind == "crash":
            self._give_up(instance)
            self._report(index, "failed", f"{who} crashes", instance=instance)
        else:
            self._halt(instance, ends=False)
            self._at(self._now + fault.timeout_ns, lambda: self._time_out(index, instance))

    def _time_out(self, index: int, instance: int) -> None:
        who = self._instance_text(instance)
        if instance in self.failed:
            self._report(index, "none", f"{who} hung, and was given up before its time-out", instance=instance)
            return
        if self._arrays["finish_ns"][instance] >= 0:
            self._report(index, "none", f"{who} had no thread left to hang, and came to its end", instance=instance)
            return
        self._give_up(instance)
        text = f"{who} hung for {self._faults[index].timeout_ns} ns, and is given up"
        self._report(index, "failed", text, instance=instance)

    def _give_up_lost(self) -> None:
        """Instances with a ready task that no PE is left for."""
        arrays = self._arrays
        if not arrays["counters"][loops.ANY_LOST]:
            return
        lost, given_up = arrays["lost"], []
        for position in range(int(arrays["counters"][loops.N_READY])):
            kind = int(arrays["ready_class"][position])
            if lost[kind] and not lost[kind % self._n_classes]:
                arrays["ready_class"][position] = kind % self._n_classes  # back to the PE where it failed
            elif lost[kind]:
                given_up.append((int(arrays["ready_instance"][position]), int(arrays["ready_task"][position])))
        for instance, task in given_up:
            if instance not in self.failed:
                self._give_up(instance)
                text = f"no PE is left that offers {self._task_text(instance, task)}; the instance is given up"
                self._report(None, "failed", text, kind="not_offered", instance=instance, task=task)

    # ------------------------------------------------------------------------------------------------ the loop's arrays

    def _place(self, cell: int) -> tuple[int, int, int]:
        """Slot, instance and task (its index in its application) of a task in flight."""
        slot = int(self._arrays["slot_of"][cell])
        row = self._arrays["slots"][slot]
        return slot, int(row[loops.INSTANCE]), cell - int(row[loops.CELL_BASE])

    def _to_ready_queue(self, cell: int) -> None:
        arrays, counters = self._arrays, self._arrays["counters"]
        slot, instance, task = self._place(cell)
        kind = int(arrays["class_of"][arrays["slots"][slot, loops.TASK_BASE] + task])
        avoid = self._avoid.get((instance, task))
        if avoid in self._variant:
            other = kind + self._variant[avoid] * self._n_classes
            if (arrays["estimate_ns"][other] >= 0).any():
                kind = other
        place = int(counters[loops.N_READY])
        arrays["cells"][cell, loops.READY_NS] = self._now
        for name, value in (("class", kind), ("cell", cell), ("instance", instance), ("task", task)):
            arrays[f"ready_{name}"][place] = value
        counters[loops.N_READY] = place + 1

    def _queue(self, pe: int) -> list[int]:
        cells, cell, found = self._arrays["cells"], int(self._arrays["pe_head"][pe]), []
        while cell >= 0:
            found.append(cell)
            cell = int(cells[cell, loops.LINK])
        return found

    def _set_queue(self, pe: int, queue: list[int]) -> None:
        """These tasks, of those that waited there."""
        arrays = self._arrays
        arrays["pe_head"][pe], arrays["pe_tail"][pe] = (queue[0], queue[-1]) if queue else (-1, -1)
        total = 0
        for place, cell in enumerate(queue, 1):
            arrays["cells"][cell, loops.LINK] = queue[place] if place < len(queue) else -1
            slot, _, task = self._place(cell)
            kind = arrays["class_of"][arrays["slots"][slot, loops.TASK_BASE] + task]
            total += int(arrays["estimate_ns"][kind, pe])
        arrays["queued_ns"][pe] = total
        arrays["queue_length"][pe] = len(queue) + int(arrays["pe_running"][pe] >= 0)

    def _take_off(self, pe: int) -> int:
        """`ideal`: the end of a PE's running task is no event any more. Gives its row."""
        arrays = self._arrays
        n_running = int(arrays["counters"][loops.N_RUNNING])
        place = int(np.flatnonzero(arrays["run_pe"][:n_running] == pe)[0])
        row = int(arrays["run_row"][place])
        for name in ("run_end", "run_row", "run_pe"):
            arrays[name][place : n_running - 1] = arrays[name][place + 1 : n_running].copy()
        arrays["counters"][loops.N_RUNNING] = n_running - 1
        return row

    def _set_timers(self, timers: Int64Array) -> None:
        """A sorted list is a heap."""
        timers = timers[np.lexsort((timers[:, 1], timers[:, 0]))]
        self._arrays["timers"][: len(timers)] = timers
        self._arrays["counters"][loops.N_TIMERS] = len(timers)

    def _slot(self, instance: int) -> int:
        """Of an instance in flight. No two slots name the same instance."""
        slots = self._arrays["slots"][: self._arrays["counters"][loops.N_SLOTS]]
        return int(np.flatnonzero(slots[:, loops.INSTANCE] == instance)[0])

    def _give_up(self, instance: int) -> None:
        """An instance ends: its threads vanish, its tasks leave the queues, its running tasks run out and are dropped."""
        arrays, counters = self._arrays, self._arrays["counters"]
        self.failed.add(instance)
        self._halt(instance, ends=True)
        n_ready = int(counters[loops.N_READY])
        kept = np.flatnonzero(arrays["ready_instance"][:n_ready] != instance)
        for name in ("ready_class", "ready_cell", "ready_instance", "ready_task"):
            arrays[name][: len(kept)] = arrays[name][kept]
        counters[loops.N_READY] = len(kept)
        for pe, running in enumerate(arrays["pe_running"].tolist()):
            queue = self._queue(pe)
            left = [cell for cell in queue if self._place(cell)[1] != instance]
            if len(left) < len(queue):
                self._set_queue(pe, left)
                if self._linux and not left and running < 0:
                    self._rest(pe)
            trouble = arrays["trouble"][pe]
            if running >= 0 and self._place(running)[1] == instance and trouble[loops.TROUBLE] == loops.FINE:
                trouble[loops.TROUBLE] = loops.FAILS
        self._free(self._slot(instance))

    def _free(self, slot: int) -> None:
        """The room of an instance that was given up, unless a PE still works on a task of it."""
        arrays = self._arrays
        for cell in (*arrays["pe_running"].tolist(), *arrays["trouble"][:, loops.FAILED_CELL].tolist()):
            if cell >= 0 and arrays["slot_of"][cell] == slot:
                return
        row = arrays["slots"][slot]
        row[loops.NEXT_FREE] = arrays["free_slots"][row[loops.APPLICATION]]
        arrays["free_slots"][row[loops.APPLICATION]] = slot

    def _halt(self, instance: int, ends: bool) -> None:
        """The threads of an instance do not go on: for ever, or (ends) since there are none any more."""
        arrays, counters = self._arrays, self._arrays["counters"]
        slot = arrays["slots"][self._slot(instance)]
        application = int(slot[loops.APPLICATION])
        first = int(slot[loops.THREAD_BASE])
        last = first + int(np.diff(self._program.thread_base)[application])
        n_wake, head = int(counters[loops.N_WAKE]), int(counters[loops.WAKE_HEAD])
        wake = np.roll(arrays["wake"], -head)[:n_wake]
        wake = wake[(wake < first) | (wake >= last)]
        arrays["wake"][: len(wake)] = wake
        counters[loops.WAKE_HEAD], counters[loops.N_WAKE] = 0, len(wake)
        if not self._linux:
            timers = arrays["timers"][: counters[loops.N_TIMERS]]
            self._set_timers(timers[(timers[:, 2] < first) | (timers[:, 2] >= last)])
        for thread in arrays["threads"][first:last]:
            thread[loops.WAITS_FOR] = thread[loops.JOINS] = -1
        if not self._linux:
            return
        n_pes = len(arrays["pe_running"])
        for thread in range(first, last):
            entity = arrays["entities"][n_pes + thread]
            if entity[loops.DOES] == loops.COMPUTES and entity[loops.CORE] >= 0:
                self._leave_core(n_pes + thread)
                counters[loops.N_ACTIVE] -= 1
            if ends and arrays["threads"][thread, loops.LIFE] == loops.STARTED and entity[loops.CORE] >= 0:
                counters[loops.N_ALIVE] -= 1

    def _leave_core(self, who: int) -> None:
        """`linux-cfs`: a worker with work, or a thread, sleeps."""
        arrays = self._arrays
        entity = arrays["entities"][who]
        core = arrays["cores"][entity[loops.CORE]]
        core[loops.N_RUNNABLE] -= 1
        moved = arrays["runnable"][entity[loops.CORE], core[loops.N_RUNNABLE]]
        arrays["runnable"][entity[loops.CORE], entity[loops.PLACE_OF]] = moved
        arrays["entities"][moved, loops.PLACE_OF] = entity[loops.PLACE_OF]
        arrays["core_load"][entity[loops.CORE]] -= 1
        entity[loops.DOES] = loops.SLEEPS
        core[loops.FLAG] = loops.PICK

    def _rest(self, pe: int) -> None:
        """`linux-cfs`: a worker has nothing to do any more: it polls, or sleeps where workers don't poll."""
        arrays = self._arrays
        worker, polling = arrays["entities"][pe], bool(arrays["os"][loops.POLLING])
        core = arrays["cores"][worker[loops.CORE]]
        core[loops.FLAG] = loops.PICK
        timers = arrays["timers"][: arrays["counters"][loops.N_TIMERS]]
        self._set_timers(timers[timers[:, 2] != pe])
        if worker[loops.DOES] == loops.POLLS:
            if not polling:
                arrays["core_load"][worker[loops.CORE]] += 1  # who polls is not counted
                self._leave_core(pe)
        elif worker[loops.DOES] != loops.SLEEPS:
            self._leave_core(pe)
        if polling and worker[loops.DOES] == loops.SLEEPS:
            place = int(core[loops.N_RUNNABLE])
            arrays["runnable"][worker[loops.CORE], place] = pe
            worker[loops.PLACE_OF], worker[loops.DOES] = place, loops.POLLS
            worker[loops.VRUNTIME] = max(worker[loops.VRUNTIME], core[loops.MIN_VRUNTIME])
            core[loops.N_RUNNABLE] += 1

    # ---------------------------------------------------------------------------------------------------------- reports

    def _instance_text(self, instance: int) -> str:
        """`NAME I`, counted within the application."""
        applications = self._arrays["application_of"]
        number = int(np.count_nonzero(applications[:instance] == applications[instance]))
        return f"{self._program.names[applications[instance]]} {number}"

    def _task_id(self, instance: int, task: int) -> int:
        return int(self._program.task_ids[self._arrays["application_of"][instance]][task])

    def _task_text(self, instance: int, task: int) -> str:
        program = self._program
        first = program.task_base[self._arrays["application_of"][instance]]
        api = program.classes[program.class_of[first + task]].api
        return f"{api} (task {self._task_id(instance, task)} of {self._instance_text(instance)})"

    def _report(
        self,
        index: int | None,
        action: str,
        text: str,
        *,
        kind: str = "",
        pe: int | None = None,
        instance: int | None = None,
        task: int | None = None,
    ) -> None:
        fault = self._faults[index] if index is not None else None
        application = -1 if fault is None else fault.application
        if instance is not None:
            application = int(self._arrays["application_of"][instance])
        self.reports.append(
            FaultReport(
                kind=fault.kind if fault is not None else kind,
                at_ns=self._now,
                fault=index,
                pe=None if pe is None else self._pe_names[pe],
                application=self._program.names[application] if application >= 0 else None,
                instance=instance,
                task=None if task is None or instance is None else self._task_id(instance, task),
                action=action,
                text=text,
            )
        )


_HAPPENED = {
    "stop": "stopped in the midst of",
    "error": "error of",
    "hang": "reset, since it hung in",
    "dma_timeout": "DMA time-out of",
}
