// What a checkpoint of the audit log says: the log ended with this record at this time. Signed by a key that the CA certified, it holds
// for whoever has the roots, without any of our keys. Pure.

/** The end of a log. */
export interface Head {
  readonly number: number;
  readonly hash: string;
}

export interface Checkpoint extends Head {
  /** The id of the log: each control plane writes its own. */
  readonly log: string;
  /** ISO 8601. */
  readonly at: string;
}

/** The header and the signature of a JWS (flattened), whose payload is `checkpointText` in base64url. */
export interface CheckpointSeal {
  /** It contains the certificates of the key. */
  readonly protected: string;
  readonly signature: string;
}

export interface SignedCheckpoint extends Checkpoint, CheckpointSeal {}

export interface CheckpointKey {
  sign(text: string): CheckpointSeal;
}

/** What signs is looked for each time: certificates end. */
export interface CheckpointSigner {
  key(): Promise<CheckpointKey>;
}

/** What is signed: JSON, byte for byte. */
export function checkpointText({ log, number, hash, at }: Checkpoint): string {
  return JSON.stringify({ log, number, hash, at });
}

/** Undefined for what is not one. */
export function readHead(value: unknown): Head | undefined {
  const { number, hash }: Readonly<Record<string, unknown>> = { ...Object(value) };
  return typeof number === 'number' && typeof hash === 'string' ? { number, hash } : undefined;
}

/** Undefined for what is not one; whether its signature is right is another question. */
export function readCheckpoint(value: unknown): SignedCheckpoint | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { log, number, hash, at, protected: header, signature }: Readonly<Record<string, unknown>> = { ...value };
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) return undefined;
  if (typeof log !== 'string' || typeof hash !== 'string' || typeof at !== 'string') return undefined;
  if (typeof header !== 'string' || typeof signature !== 'string') return undefined;
  return { log, number, hash, at, protected: header, signature };
}
