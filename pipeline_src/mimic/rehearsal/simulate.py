"""The event loop: Snakemake on a login node, Slurm's queue, GPUs.

Snakemake starts what is ready. Light rules run beside it, the others are submitted: at each instant one array
a rule. Slurm gives a GPU to whoever waits longest. Snakemake sees that a submitted job has ended when it
polls, and only then starts what waits for it: first after ``init_seconds``, then again after them while
something finishes, ten seconds later each time while nothing does. When the last job is seen, Snakemake waits
for its next poll before it ends. (In the plugin failures do not count as something that finished.)

A plain heap of events, and no simulation library: with several trials on a GPU each start and end changes the
speed of the others, which interrupts all of them, and what happens at one instant has an order that matters:
ends, then starts of what waits, then the poll. Ties are broken by the order of the plan, so that the same
seed gives the same run.

Notation: an attempt holds ``left`` seconds of a GPU that it would have alone; with n trials on the GPU it
does 1 / slowdown[n - 1] of them a second.
"""

import heapq
import itertools
import math
from collections import deque
from dataclasses import dataclass

from mimic.cli import InputError
from mimic.rehearsal.outcome import Outcome
from mimic.seeding import numpy_generator

#: A job that is preempted so often never gets anywhere.
MAX_ATTEMPTS = 1000
# Order of what happens at one instant.
END, QUEUED, POLL = range(3)


@dataclass(eq=False)
class _Attempt:
    """One try of a submitted job on a GPU."""

    job: int
    gpu: int
    started: float
    start: float  # seconds before its work, alone on the GPU
    total: float  # the same with its work
    left: float
    since: float
    rate: float = 1.0
    version: int = 0
    over: bool = False


def simulate(jobs, costs, submitted, cluster, n_gpus, seed):
    """Run a plan on a cluster.

    Parameters
    ----------
    jobs : list of mimic.rehearsal.jobs.Job
    costs : list of mimic.rehearsal.jobs.Cost
    submitted : list of bool
        Which jobs go to the cluster.
    cluster : mimic.rehearsal.cluster.ClusterSettings
    n_gpus : int
    seed : int
        Of failures, preemptions and queue waits; a job's luck does not depend on the number of GPUs.

    Returns
    -------
    mimic.rehearsal.outcome.Outcome

    Raises
    ------
    InputError
        If a job never ends, being preempted again and again.
    """
    return _Run(jobs, costs, submitted, cluster, n_gpus, seed).run()


class _Run:
    """The state of one simulated run."""

    def __init__(self, jobs, costs, submitted, cluster, n_gpus, seed):
        self.jobs, self.costs, self.submitted = jobs, costs, submitted
        self.cluster, self.seed = cluster, seed
        self.now, self.events, self.order = 0.0, [], itertools.count()
        self.missing = [len(set(job.needs)) for job in jobs]
        self.dependents = [[] for _ in jobs]
        for place, job in enumerate(jobs):
            for need in set(job.needs):
                self.dependents[need].append(place)
        self.unsettled = set(range(len(jobs)))
        self.local, self.free_cores = deque(), cluster.local_cores
        self.held = deque()  # ready, and kept back by --jobs
        self.active, self.unseen = 0, []
        self.queue, self.sbatch_free = deque(), 0.0
        self.gpus = [[] for _ in range(n_gpus)]
        self.places = [len(cluster.slowdown)] * n_gpus
        self.cpu_jobs = None if cluster.cpus is None else cluster.cpus // cluster.cpus_per_job
        self.attempts, self.tries = [0] * len(jobs), [0] * len(jobs)
        self.left_work = [cost.work for cost in costs]
        self.luck = {}
        self.out = Outcome(started=[None] * len(jobs), ended=[None] * len(jobs))
        self.wait = cluster.init_seconds
        self.next_poll, self.poll_is_due = cluster.plan_seconds + self.wait, False
        if self.cpu_jobs == 0 and any(submitted):
            raise InputError(f"cpus: expected {cluster.cpus_per_job} for a job, got {cluster.cpus}")

    def at(self, time, kind, action, *values):
        """Do something later; at one instant in the order of kinds, then of the calls."""
        heapq.heappush(self.events, (time, kind, next(self.order), action, values))

    def run(self):
        if self.jobs:
            ready = [place for place, missing in enumerate(self.missing) if not missing]
            self.at(self.cluster.plan_seconds, END, self.start_ready, ready)
        while self.unsettled:
            self.now, _, _, action, values = heapq.heappop(self.events)
            action(*values)
        self.out.finished = self.now
        self.skip_polls()
        polls = self.jobs and self.cluster.init_seconds
        self.out.makespan = self.next_poll if polls else self.now
        return self.out

    # Snakemake

    def start_ready(self, ready):
        """Start jobs that wait for nothing any more."""
        for job in ready:
            (self.held if self.submitted[job] else self.local).append(job)
        self.start_local()
        self.submit()

    def start_local(self):
        while self.local and self.free_cores:
            job = self.local.popleft()
            self.free_cores -= 1
            self.out.started[job] = self.now
            cost = self.costs[job]
            self.at(self.now + cost.start + cost.work, END, self.local_end, job)

    def local_end(self, job):
        self.free_cores += 1
        self.out.ended[job] = self.now
        if self.jobs[job].rule == "select_ensemble" and self.cluster.replan_seconds:
            self.at(self.now + self.cluster.replan_seconds, END, self.seen, [job])
        else:
            self.seen([job])
        self.start_local()

    def seen(self, done):
        """Jobs are finished, as far as Snakemake knows."""
        ready = []
        for job in done:
            self.unsettled.discard(job)
            for dependent in self.dependents[job]:
                self.missing[dependent] -= 1
                if not self.missing[dependent]:
                    ready.append(dependent)
        self.start_ready(sorted(ready))

    def submit(self):
        """One array a rule of all that may be submitted now."""
        limit = self.cluster.jobs
        n_free = len(self.held) if limit is None else max(0, limit - self.active)
        chosen = [self.held.popleft() for _ in range(min(n_free, len(self.held)))]
        self.skip_polls()
        self.active += len(chosen)
        by_rule = {}
        for job in chosen:
            by_rule.setdefault(self.jobs[job].rule, []).append(job)
        for same in by_rule.values():
            for first in range(0, len(same), self.cluster.array_limit):
                self.out.submissions += 1
                self.sbatch_free = max(self.now, self.sbatch_free) + self.cluster.submit_seconds
                for job in same[first : first + self.cluster.array_limit]:
                    queued = self.sbatch_free + self.queue_seconds(job)
                    self.at(queued, QUEUED, self.enter_queue, job, self.now)

    def poll(self):
        finished, failed = [], []
        for job, ended, succeeded in self.unseen:
            self.out.unseen.append(self.now - ended)
            (finished if succeeded else failed).append(job)
        self.unseen, self.poll_is_due = [], False
        self.wait = self.next_wait(bool(finished))
        self.next_poll = self.now + self.wait
        self.settle(finished, failed)

    def next_wait(self, something_finished):
        """Seconds from a poll to the next one."""
        cluster = self.cluster
        if not self.active or something_finished:
            return cluster.init_seconds
        return min(self.wait + cluster.poll_step_seconds, max(cluster.poll_max_seconds, self.wait))

    def skip_polls(self):
        """Polls before now, which saw nothing: a long run has millions, so that they are no events."""
        while self.cluster.init_seconds and self.next_poll < self.now:
            wait = self.next_wait(False)
            n = math.ceil((self.now - self.next_poll) / wait) if wait == self.wait else 1
            self.next_poll, self.wait = self.next_poll + n * wait, wait

    def settle(self, finished, failed):
        """What Snakemake does once it knows that submitted jobs have ended."""
        self.active -= len(finished) + len(failed)
        again = []
        for job in failed:
            if self.tries[job] <= self.cluster.retries:
                again.append(job)
            else:
                self.give_up(job)
        self.held.extend(again)
        self.seen(finished)

    def give_up(self, job):
        """A job is out of retries: it stops its dependents alone (--keep-going)."""
        self.out.failed.append(job)
        self.unsettled.discard(job)
        stack = list(self.dependents[job])
        while stack:
            dependent = stack.pop()
            if dependent in self.unsettled:
                self.unsettled.discard(dependent)
                self.out.not_run.append(dependent)
                stack.extend(self.dependents[dependent])

    # Slurm

    def enter_queue(self, job, since):
        self.queue.append((job, since))
        self.give_gpus()

    def give_gpus(self):
        """Give free places to whoever waits longest, on the GPU with the most places."""
        while self.queue:
            if self.cpu_jobs is not None and sum(map(len, self.gpus)) >= self.cpu_jobs:
                return
            most = max(self.places)
            if not most:
                return
            gpu = self.places.index(most)
            job, since = self.queue.popleft()
            self.out.queue_waits.append(self.now - since)
            self.start_attempt(job, gpu)

    def start_attempt(self, job, gpu):
        start = self.cluster.start_seconds + self.costs[job].start
        total = start + self.left_work[job]
        attempt = _Attempt(job, gpu, self.now, start, total, total, self.now)
        self.places[gpu] -= 1
        self.out.started[job] = self.now
        self.attempts[job] += 1
        if self.attempts[job] > MAX_ATTEMPTS:
            raise InputError(
                f"{self.jobs[job].rule} {self.jobs[job].number}: expected an end, found {MAX_ATTEMPTS} "
                "attempts: too many preemptions an hour, or a checkpoint too rarely"
            )
        self.gpus[gpu].append(attempt)
        self.change_speed(gpu)
        cluster = self.cluster
        for kind, rate in (
            ("failure", cluster.failures_per_gpu_hour),
            ("preemption", cluster.preemptions_per_gpu_hour),
        ):
            if rate:
                seconds = 3600 / rate * self.luck_of(kind, job)
                self.at(self.now + seconds, END, self.interrupt, attempt, kind)
        if cluster.time_limit_seconds is not None:
            self.at(self.now + cluster.time_limit_seconds, END, self.interrupt, attempt, "limit")

    def change_speed(self, gpu):
        """After a start or an end: how fast each trial on a GPU goes now, and when it will end."""
        trials = self.gpus[gpu]
        for attempt in trials:
            attempt.left -= (self.now - attempt.since) * attempt.rate
            attempt.since, attempt.rate = self.now, 1 / self.cluster.slowdown[len(trials) - 1]
            attempt.version += 1
            end = self.now + max(0.0, attempt.left) / attempt.rate
            self.at(end, END, self.attempt_end, attempt, attempt.version)

    def attempt_end(self, attempt, version):
        if attempt.over or attempt.version != version:
            return
        self.leave(attempt)
        self.out.starts += attempt.start
        self.out.work += attempt.total - attempt.start
        self.left_work[attempt.job] = 0.0
        self.end_job(attempt.job, True)

    def interrupt(self, attempt, kind):
        """A job fails, is preempted, or is at its time limit."""
        if attempt.over:
            return
        attempt.left -= (self.now - attempt.since) * attempt.rate
        attempt.since = self.now
        done = attempt.total - max(0.0, attempt.left)
        started, worked = min(done, attempt.start), max(0.0, done - attempt.start)
        cluster = self.cluster
        saves = {"failure": False, "preemption": cluster.saves_when_preempted}
        kept = worked
        if not saves.get(kind, cluster.saves_when_terminated):
            kept = worked // cluster.checkpoint_interval_seconds * cluster.checkpoint_interval_seconds
        self.left_work[attempt.job] -= kept
        self.out.starts += started
        self.out.work += kept
        self.out.lost += worked - kept
        self.leave(attempt)
        if kind == "preemption":
            self.out.preemptions += 1
            requeued = self.now + cluster.requeue_seconds
            self.at(requeued, QUEUED, self.enter_queue, attempt.job, self.now)
            return
        if kind == "failure":
            self.out.failures += 1
        else:
            self.out.time_limits += 1
        self.tries[attempt.job] += 1
        self.end_job(attempt.job, False)

    def leave(self, attempt):
        """An attempt is over: its GPU is free for another one, and the others on it go faster."""
        attempt.over = True
        self.gpus[attempt.gpu].remove(attempt)
        self.out.spans.append((attempt.gpu, attempt.started, self.now, attempt.job))
        self.change_speed(attempt.gpu)
        self.at(self.now + self.cluster.release_seconds, END, self.release, attempt.gpu)

    def release(self, gpu):
        self.places[gpu] += 1
        self.give_gpus()

    def end_job(self, job, succeeded):
        self.out.ended[job] = self.now
        if self.cluster.init_seconds:
            self.skip_polls()
            self.unseen.append((job, self.now, succeeded))
            if not self.poll_is_due:
                self.poll_is_due = True
                self.at(self.next_poll, POLL, self.poll)
        else:
            self.out.unseen.append(0.0)
            self.settle([job] if succeeded else [], [] if succeeded else [job])

    # Luck

    def luck_of(self, kind, job):
        """Exponential with mean 1, of one attempt of one job."""
        return float(self._drawn(kind, job, "standard_exponential"))

    def queue_seconds(self, job):
        queue = self.cluster.queue
        if not queue.spread:
            return queue.median
        return queue.median * (math.exp(queue.spread * self._drawn("queue", job, "standard_normal")))

    def _drawn(self, kind, job, distribution):
        attempt = self.attempts[job]
        if (kind, attempt) not in self.luck:
            generator = numpy_generator(self.seed, "rehearsal", kind, attempt)
            self.luck[kind, attempt] = getattr(generator, distribution)(len(self.jobs))
        return self.luck[kind, attempt][job]
