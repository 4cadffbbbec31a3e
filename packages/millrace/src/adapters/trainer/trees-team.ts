/**
 * A team of threads over shared memory: the leader (thread 0) calls a task, every thread does its part of it, the leader goes on when all are
 * done. Waiting spins briefly before it sleeps, since tasks follow each other within microseconds.
 */
export interface Team {
  /** Runs a task on all threads, this one included. */
  run(task: number): void;
  /** Sends the helpers home. */
  dismiss(): void;
}

/** Words of the control block. */
const generation = 0;
const currentTask = 1;
const finished = 2;
const leave = -1;
const spins = 4000;

/** Leads `threads − 1` helpers, each of which runs `helpTeam` on the same control block. */
export function leadTeam(control: Int32Array, threads: number, work: (task: number) => void): Team {
  const call = (task: number): void => {
    Atomics.store(control, finished, 0);
    Atomics.store(control, currentTask, task);
    Atomics.add(control, generation, 1);
    Atomics.notify(control, generation);
  };
  return {
    run(task) {
      if (threads > 1) call(task);
      work(task);
      for (let done = 0; threads > 1 && (done = Atomics.load(control, finished)) < threads - 1;) waitChange(control, finished, done);
    },
    dismiss() {
      if (threads > 1) call(leave);
    },
  };
}

/** Does a helper's part of every task until the leader dismisses the team. */
export function helpTeam(control: Int32Array, work: (task: number) => void): void {
  for (let seen = 0; ;) {
    waitChange(control, generation, seen);
    const now = Atomics.load(control, generation);
    if (now === seen) continue;
    seen = now;
    const task = Atomics.load(control, currentTask);
    if (task === leave) return;
    work(task);
    Atomics.add(control, finished, 1);
    Atomics.notify(control, finished);
  }
}

function waitChange(control: Int32Array, word: number, from: number): void {
  for (let i = 0; i < spins; i++) if (Atomics.load(control, word) !== from) return;
  Atomics.wait(control, word, from);
}
