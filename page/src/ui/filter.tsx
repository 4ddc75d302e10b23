import { useId } from 'preact/hooks';

/** A field that filters what is below it; `count` is announced. */
export function Filter({
  value,
  onChange,
  label,
  count,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly label: string;
  readonly count: string;
}) {
  const id = useId();
  return (
    <div class="filter">
      <label class="hidden" for={id}>
        {label}
      </label>
      <input
        id={id}
        type="search"
        placeholder={label}
        value={value}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <span class="quiet" role="status">
        {count}
      </span>
    </div>
  );
}

/** Every word of it is in one of the texts. */
export function matches(filter: string, ...texts: readonly (string | undefined)[]): boolean {
  const all = texts.join('\n').toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
