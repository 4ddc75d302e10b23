// The key under which a document is known.

/** `Kind/name`, or `Kind/cell/name` for documents in a cell. Unique in a store. */
export type DocumentKey = string & { readonly __brand: 'DocumentKey' };
