import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DEBIAN_TAR, type InputName } from './inputs.ts';
import { diskUse, type Lab } from './lab.ts';
import { measure, run, type Sample, type Step } from './measure.ts';
import type { Subject } from './subjects/subject.ts';

/** What a bench has to hand for one subject in one round. */
export interface Trial {
  readonly subject: Subject;
  /** All of the subject's state. */
  readonly folder: string;
  readonly lab: Lab;
  /** The input's reference at the lab's registry. */
  readonly image: string;
  readonly round: number;
}

export interface Bench {
  readonly name: string;
  readonly input: InputName;
  readonly what: string;
  /** One measured round; undefined where the subject has no such verb. Leaves the subject as it was. */
  round(trial: Trial): Promise<Sample | undefined>;
}

const TRUE = ['/bin/true'];

/** Mebibytes that a subject's databases may have grown by once an image is gone. */
const LEFT_OVER = 16;

function pullOf(name: string, input: InputName, what: string): Bench {
  return {
    name,
    input,
    what,
    async round({ subject, folder, image }) {
      if (!subject.pull || !subject.remove) return undefined;
      const before = diskUse(folder);
      const sample = await measure(subject.pull(image), subject.daemons());
      await run(subject.remove(image));
      const left = diskUse(folder) - before;
      if (left > LEFT_OVER)
        throw new Error(`${subject.name} kept ${left.toFixed(0)} MiB of ${image}: its next pull would not be cold`);
      return sample;
    },
  };
}

/** Makes a container that `change` has changed, commits it `count` times to new names, and measures that. */
function commitOf(name: string, what: string, change: string): Bench {
  return {
    name,
    input: 'debian',
    what,
    async round({ subject, image }) {
      const { pull, runKept, commit, removeContainer, remove } = subject;
      if (!pull || !runKept || !commit || !removeContainer || !remove) return undefined;
      await run(pull(image));
      await run(runKept(image, 'bench-commit', ['/bin/sh', '-c', change]));
      const sample = await measure(commit('bench-commit', 'bench-committed:1'), subject.daemons());
      await run(removeContainer('bench-commit'));
      await run(remove('bench-committed:1'));
      await run(remove(image));
      return sample;
    },
  };
}

/** Pushes the trial's image where nothing of it is. */
async function pushOf({ subject, lab, image }: Trial): Promise<Sample | undefined> {
  if (!subject.push || !subject.tag || !subject.remove) return undefined;
  await using registry = await lab.emptyRegistry();
  const name = `${registry.address}/pushed/debian:1`;
  await run(subject.tag(image, name));
  const sample = await measure(subject.push(name), subject.daemons());
  await run(subject.remove(name));
  return sample;
}

/** Measures `step` with the image pulled. */
async function withImage(
  { subject, image }: Trial,
  work: () => Promise<Sample | undefined>,
): Promise<Sample | undefined> {
  if (!subject.pull || !subject.remove) return undefined;
  await run(subject.pull(image));
  try {
    return await work();
  } finally {
    await run(subject.remove(image));
  }
}

export const BENCHES: readonly Bench[] = [
  pullOf('pull-debian', 'debian', 'cold pull of a Debian base from a loopback registry'),
  pullOf('pull-many', 'many', 'cold pull of 100,000 files in eight layers'),
  pullOf('pull-big', 'big', 'cold pull of four files of 256 MB in four layers'),
  {
    name: 'push-debian',
    input: 'debian',
    what: 'push of a pulled Debian base to an empty registry',
    round: (trial) => withImage(trial, () => pushOf(trial)),
  },
  {
    name: 'push-made',
    input: 'debian',
    what: 'push of a Debian base made here from a tar, which is compressed now',
    async round(trial) {
      const { subject, image } = trial;
      if (!subject.importTar || !subject.remove) return undefined;
      await run(subject.importTar(DEBIAN_TAR, image));
      try {
        return await pushOf(trial);
      } finally {
        await run(subject.remove(image));
      }
    },
  },
  {
    name: 'run-nonet',
    input: 'busybox',
    what: 'run --rm busybox true without network',
    round: (trial) =>
      withImage(trial, async () => {
        const { subject, image } = trial;
        if (!subject.run) return undefined;
        await run(subject.run(image, TRUE)); // what is done once for an image is not what is measured
        return measure(subject.run(image, TRUE), subject.daemons());
      }),
  },
  {
    name: 'run-detached',
    input: 'busybox',
    what: 'start of a detached container without network',
    round: (trial) =>
      withImage(trial, async () => {
        const { subject, image } = trial;
        if (!subject.runDetached || !subject.removeContainer) return undefined;
        await run(subject.runDetached(image, 'bench-warm', ['/bin/sleep', '1000']));
        const sample = await measure(
          subject.runDetached(image, 'bench-detached', ['/bin/sleep', '1000']),
          subject.daemons(),
        );
        await run(subject.removeContainer('bench-detached'));
        await run(subject.removeContainer('bench-warm'));
        return sample;
      }),
  },
  {
    name: 'exec',
    input: 'busybox',
    what: 'exec of true in a running container',
    round: (trial) =>
      withImage(trial, async () => {
        const { subject, image } = trial;
        if (!subject.runDetached || !subject.removeContainer || !subject.exec) return undefined;
        await run(subject.runDetached(image, 'bench-exec', ['/bin/sleep', '1000']));
        await run(subject.exec('bench-exec', TRUE));
        const sample = await measure(subject.exec('bench-exec', TRUE), subject.daemons());
        await run(subject.removeContainer('bench-exec'));
        return sample;
      }),
  },
  commitOf('commit-one', 'commit of one changed file', 'echo changed > /etc/motd'),
  commitOf('commit-big', 'commit of one file of 100 MB', 'head -c 100000000 /dev/urandom > /root/file'),
  commitOf(
    'commit-many',
    'commit of 10,000 small files',
    'mkdir /root/many; cd /root/many; i=0; while [ $i -lt 10000 ]; do echo $i > $i; i=$((i+1)); done',
  ),
  {
    name: 'images',
    input: 'busybox',
    what: 'list of the images',
    round: (trial) =>
      withImage(trial, async () => trial.subject.images && measure(trial.subject.images(), trial.subject.daemons())),
  },
  {
    name: 'save',
    input: 'debian',
    what: 'save of a Debian base to a file',
    round: (trial) =>
      withImage(trial, async () => {
        const { subject, lab, image } = trial;
        const file = join(lab.folder, 'saved.tar');
        const sample = subject.save && (await measure(subject.save(image, file), subject.daemons()));
        rmSync(file, { force: true });
        return sample;
      }),
  },
  {
    name: 'load',
    input: 'debian',
    what: 'load of a Debian base from a file',
    async round(trial) {
      const { subject, lab, image } = trial;
      if (!subject.pull || !subject.save || !subject.load || !subject.remove) return undefined;
      const file = join(lab.folder, 'to-load.tar');
      await run(subject.pull(image));
      await run(subject.save(image, file));
      await run(subject.remove(image));
      const sample = await measure(subject.load(file), subject.daemons());
      await run(subject.remove(image));
      rmSync(file, { force: true });
      return sample;
    },
  },
  {
    name: 'remove-many',
    input: 'many',
    what: 'removal of an image of 100,000 files',
    async round({ subject, image }) {
      if (!subject.pull || !subject.remove) return undefined;
      await run(subject.pull(image));
      return measure(subject.remove(image) as Step, subject.daemons());
    },
  },
];
