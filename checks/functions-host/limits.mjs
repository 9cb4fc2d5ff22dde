// A control group that limits CPU time and memory, version 1 or 2, for the processes that are started in it.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';
// Of the CPU time that is left when others use the machine too, these processes get the most.
const SHARES = { v1: '102400', v2: '10000' };

/** The unit of CPU time in /proc. */
const TICK_MS = 10;

const read = (file) => readFileSync(file, 'utf8').trim();
/** The fields of a file with a name and a number on each line. */
function fields(file) {
  const lines = read(file).split('\n').map((line) => line.split(' '));
  return Object.fromEntries(lines.map(([name, value]) => [name, Number(value)]));
}

/** Why this machine does not let this user limit CPU time. */
export class NoLimits extends Error {}

/** The two versions of control groups: their folders, and the files with limits and figures. */
class Version1 {
  constructor(name) {
    this.folders = { cpu: join(ROOT, 'cpu', name), memory: join(ROOT, 'memory', name) };
  }

  limit({ cores, periodMicroseconds, memoryBytes }) {
    writeFileSync(join(this.folders.cpu, 'cpu.cfs_period_us'), `${periodMicroseconds}`);
    writeFileSync(join(this.folders.cpu, 'cpu.cfs_quota_us'), `${Math.round(cores * periodMicroseconds)}`);
    writeFileSync(join(this.folders.cpu, 'cpu.shares'), SHARES.v1);
    writeFileSync(join(this.folders.memory, 'memory.limit_in_bytes'), `${memoryBytes}`);
  }

  cpu() {
    const { nr_periods, nr_throttled, throttled_time } = fields(join(this.folders.cpu, 'cpu.stat'));
    return { periods: nr_periods, throttled: nr_throttled, throttledMs: throttled_time / 1e6 };
  }
}

class Version2 {
  constructor(name) {
    this.folders = { all: join(ROOT, name) };
  }

  limit({ cores, periodMicroseconds, memoryBytes }) {
    const write = (file, value) => writeFileSync(join(this.folders.all, file), value);
    write('cpu.max', `${Math.round(cores * periodMicroseconds)} ${periodMicroseconds}`);
    write('cpu.weight', SHARES.v2);
    write('memory.max', `${memoryBytes}`);
  }

  cpu() {
    const { nr_periods, nr_throttled, throttled_usec } = fields(join(this.folders.all, 'cpu.stat'));
    return { periods: nr_periods, throttled: nr_throttled, throttledMs: throttled_usec / 1e3 };
  }
}

/** Limited processes. */
export class Limits {
  #group;

  /**
   * Creates the control group.
   *
   * @param {{ cores: number, periodMicroseconds: number, memoryBytes: number }} limits
   */
  constructor(limits) {
    const name = `azurehsm-signer-${process.pid}`;
    const isVersion2 = existsSync(join(ROOT, 'cgroup.controllers'));
    this.version = isVersion2 ? 2 : 1;
    this.#group = isVersion2 ? new Version2(name) : new Version1(name);
    try {
      // Controllers must be enabled for the children of a group.
      if (isVersion2) writeFileSync(join(ROOT, 'cgroup.subtree_control'), '+cpu +memory');
      for (const folder of Object.values(this.#group.folders)) mkdirSync(folder);
      this.#group.limit(limits);
    } catch (error) {
      this.remove();
      throw new NoLimits(error.message, { cause: error });
    }
  }

  /** A command that runs the command appended to it within the limits. */
  get prefix() {
    const files = Object.values(this.#group.folders).map((folder) => join(folder, 'cgroup.procs'));
    const enter = files.map((file) => `echo $$ > '${file}'`).join(' && ');
    return ['sh', '-c', `${enter} && exec "$@"`, 'sh'];
  }

  /** The limited processes: their names, CPU time so far, and resident memory now and at most. */
  processes() {
    const [folder] = Object.values(this.#group.folders);
    return read(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map((pid) => {
      const status = read(`/proc/${pid}/status`);
      const [userTicks, systemTicks] = read(`/proc/${pid}/stat`).split(') ').at(-1).split(' ').slice(11, 13).map(Number);
      const kilobytes = (name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm'))?.[1] ?? 0);
      return {
        name: status.match(/^Name:\s+(.*)$/m)[1],
        cpuMs: (userTicks + systemTicks) * TICK_MS,
        resident: kilobytes('VmRSS') * 1024,
        residentPeak: kilobytes('VmHWM') * 1024,
      };
    });
  }

  /** The periods so far, those in which the processes were throttled, and for how long. */
  cpu() {
    return this.#group.cpu();
  }

  /** Removes the group, which must have no processes any more. */
  remove() {
    for (const folder of Object.values(this.#group.folders)) if (existsSync(folder)) rmdirSync(folder);
  }
}
