import { hrefOf } from '../route.ts';

/** A document, at the line that something is about. */
export function DocumentLink({
  document,
  source,
  path,
}: {
  readonly document: string;
  readonly source?: { readonly file: string; readonly line: number };
  readonly path?: string;
}) {
  const line = source === undefined ? undefined : String(source.line);
  return (
    <>
      <a href={hrefOf('policies', document, { line })}>{document}</a>
      {path === undefined || path === '' ? null : <span class="mono"> {path}</span>}
      {source === undefined ? null : (
        <span class="quiet">
          {' '}
          {source.file}:{source.line}
        </span>
      )}
    </>
  );
}
