// A finding of the linter about a resource: never shown to users as their mistake, always a reason not to send it.

export interface Finding {
  /** Stable, kebab-case. */
  readonly code: string;
  readonly typeUrl: string;
  readonly resource: string;
  /** Where in the resource: fields, with "(type)" where an Any was opened. */
  readonly path: string;
  readonly message: string;
}
