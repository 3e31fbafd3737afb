import { resolve } from 'node:path';
import { type BuiltStep, newBuildID, openHistory } from '../build/index.ts';
import type { Platform } from '../oci/index.ts';

/** What makes two builds worth comparing. */
interface RecordSubject {
  readonly file?: string;
  readonly target?: string;
  readonly platform: Platform | undefined;
  readonly tags?: readonly string[];
}

/** Remembers a build, so that the next one can be told from it. */
export function startRecord(
  root: string,
  location: string,
  { file, target, platform, tags = [] }: RecordSubject,
): { steps: BuiltStep[]; subject: string; end(outcome: { image?: string; error?: string }): void } {
  const started = new Date();
  const place = location === '-' || /^[a-z]+:\/\//i.test(location) ? location : resolve(location);
  const subject = JSON.stringify([place, file ?? null, target ?? null, platform ?? null]);
  const steps: BuiltStep[] = [];
  return {
    steps,
    subject,
    end(outcome) {
      const milliseconds = Date.now() - started.getTime();
      const id = newBuildID(started);
      openHistory(root).add({
        id,
        started: started.toISOString(),
        milliseconds,
        subject,
        names: tags,
        steps,
        ...outcome,
      });
    },
  };
}
