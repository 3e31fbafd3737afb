import type { TransferEvent } from '../transfer/index.ts';
import { formatSize } from './humanize.ts';

interface Amount {
  readonly current: number;
  readonly total: number;
}

type BlobEvent = Exclude<TransferEvent, { readonly kind: 'resolved' }>;
type Activity = Extract<TransferEvent, { readonly kind: 'progress' }>['activity'];
type State = Extract<TransferEvent, { readonly kind: 'blob' }>['state'];

/** What is known of one blob on its way; a layer may be downloaded and unpacked at once. */
interface BlobProgress {
  readonly id: string;
  state: State | 'moving';
  moving: (Amount & { readonly activity: Exclude<Activity, 'unpacking'> }) | undefined;
  unpacking: Amount | undefined;
  note: string | undefined;
}

export function newBlob(id: string): BlobProgress {
  return { id, state: 'waiting', moving: undefined, unpacking: undefined, note: undefined };
}

export function applyEvent(blob: BlobProgress, event: BlobEvent): void {
  if (event.kind === 'blob') {
    blob.state = event.state;
    blob.note = event.note;
    return;
  }
  const { activity, current, total } = event;
  if (activity === 'unpacking') blob.unpacking = { current, total };
  else {
    blob.moving = { activity, current, total };
    if (blob.state === 'waiting' || blob.state === 'retrying') blob.state = 'moving';
  }
}

/** A blob's line in at most `columns`: `a1b2c3d4e5f6: Downloading [===>   ]  12.3MB/61.2MB`. Its label alone is what plain output tells. */
export function describeBlob(
  blob: BlobProgress,
  columns: number,
): { readonly title: string; readonly label: string; readonly text: string; readonly settled: boolean } {
  const title = blob.id.slice(blob.id.indexOf(':') + 1).slice(0, 12);
  const { label, amount, settled } = phaseOf(blob);
  const head = `${title}: ${label}`;
  if (!amount || columns === 0) return { title, label, text: head, settled };
  const sizes = `${formatSize(amount.current, 4).padStart(8)}/${formatSize(amount.total, 4)}`;
  const room = Math.min(columns - head.length - sizes.length - 5, 50);
  const text = room >= 10 ? `${head} ${bar(amount, room)} ${sizes}` : `${head} ${sizes.trimStart()}`;
  return { title, label, text, settled };
}

const MOVING: Readonly<Record<Exclude<Activity, 'unpacking'>, string>> = {
  downloading: 'Downloading',
  uploading: 'Pushing',
  copying: 'Copying',
};

const MOVED: typeof MOVING = { downloading: 'Download complete', uploading: 'Pushed', copying: 'Copied' };

function phaseOf(blob: BlobProgress): { label: string; amount?: Amount; settled: boolean } {
  const { state, moving, unpacking, note } = blob;
  const about = note === undefined ? '' : ` ${note}`;
  switch (state) {
    case 'waiting':
      return unpacking ? unpackPhase(unpacking) : { label: 'Waiting', settled: false };
    case 'moving':
      return moving
        ? { label: MOVING[moving.activity], amount: moving, settled: false }
        : { label: 'Waiting', settled: false };
    case 'retrying':
      return { label: `Retrying${about}`, settled: false };
    case 'mounted':
      return { label: note === undefined ? 'Mounted' : `Mounted from ${note}`, settled: true };
    case 'exists':
      return unpacking ? unpackPhase(unpacking) : { label: `Already exists${about}`, settled: true };
    case 'done':
      if (unpacking) return unpackPhase(unpacking);
      if (!moving) return { label: 'Done', settled: true };
      return { label: MOVED[moving.activity], settled: true };
  }
}

function unpackPhase(unpacking: Amount): { label: string; amount?: Amount; settled: boolean } {
  if (unpacking.current >= unpacking.total) return { label: 'Pull complete', settled: true };
  return { label: 'Extracting', amount: unpacking, settled: false };
}

function bar({ current, total }: Amount, width: number): string {
  const share = total > 0 ? Math.min(Math.max(current / total, 0), 1) : 0;
  const full = Math.floor(share * width);
  const inside = full === width ? '='.repeat(width) : `${'='.repeat(full)}>${' '.repeat(width - full - 1)}`;
  return `[${inside}]`;
}
