// What somebody typed into the editor and has not applied: kept for this tab, so that neither another view nor the end of a session (its
// time, a restart of the control plane) takes it. Nobody else who signs in here gets it. Pure, but for the storage.

export interface Draft {
  /** What the editor began with. */
  readonly from: string;
  readonly text: string;
}

type Drafts = Readonly<Record<string, Draft>>;

const key = 'cellwall-drafts';
export const maxDrafts = 20;

/** `document`: its key, or `new`. */
export function readDraft(storage: Pick<Storage, 'getItem'>, who: string, document: string): Draft | undefined {
  const drafts = read(storage, who);
  return Object.hasOwn(drafts, document) ? drafts[document] : undefined;
}

/** `draft` undefined: there is none any more. The latest twenty are kept. */
export function keepDraft(
  storage: Pick<Storage, 'getItem' | 'setItem'>,
  who: string,
  document: string,
  draft: Draft | undefined,
): void {
  const others = Object.entries(read(storage, who)).filter(([name]) => name !== document);
  const all = draft === undefined ? others : [...others, [document, draft] as const].slice(-maxDrafts);
  try {
    storage.setItem(key, JSON.stringify({ who, drafts: Object.fromEntries(all) }));
  } catch {
    // It has no room, or takes nothing: the text is in the editor all the same.
  }
}

/** Of whoever signs out. */
export function forgetDrafts(storage: Pick<Storage, 'removeItem'>): void {
  storage.removeItem(key);
}

function read(storage: Pick<Storage, 'getItem'>, who: string): Drafts {
  try {
    const kept: unknown = JSON.parse(storage.getItem(key) ?? 'null');
    if (!isRecord(kept) || kept['who'] !== who || !isRecord(kept['drafts'])) return {};
    return Object.fromEntries(Object.entries(kept['drafts']).flatMap(([name, one]) => draftOf(name, one)));
  } catch {
    return {};
  }
}

function draftOf(name: string, value: unknown): readonly (readonly [string, Draft])[] {
  if (!isRecord(value)) return [];
  const { from, text } = value;
  return typeof from === 'string' && typeof text === 'string' ? [[name, { from, text }]] : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
