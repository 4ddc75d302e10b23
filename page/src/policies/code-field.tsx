// A text field with line numbers, on which problems are marked, and what may stand at the cursor. Tab leaves it, as everywhere else on a page;
// Enter keeps the indent.
import type { RefObject } from 'preact';
import { useEffect, useId, useImperativeHandle, useRef, useState } from 'preact/hooks';
import { type Completions, completionsAt, type Schema } from './complete.ts';
import type { Problem } from './problems.tsx';

export interface CodeFieldHandle {
  /** Starts at 1. */
  goTo(line: number): void;
}

export interface CodeFieldProps {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly readOnly: boolean;
  readonly problems: readonly Problem[];
  readonly label: string;
  readonly field: RefObject<CodeFieldHandle | null>;
  /** Absent: nothing is offered. */
  readonly schema: Schema | undefined;
}

interface Offer extends Completions {
  /** Which one Enter takes. -1: none, it is a new line. */
  readonly chosen: number;
}

export function CodeField({ text, onChange, readOnly, problems, label, field, schema }: CodeFieldProps) {
  const id = useId();
  const [offer, setOffer] = useState<Offer>();
  const area = useRef<HTMLTextAreaElement>(null);
  const numbers = useRef<HTMLDivElement>(null);
  const lines = text.split('\n').length;
  const marks = new Map<number, Problem['severity']>();
  for (const { severity, source } of problems) {
    if (marks.get(source.line) !== 'error') marks.set(source.line, severity);
  }
  useImperativeHandle(
    field,
    (): CodeFieldHandle => ({
      goTo(line: number) {
        const found = area.current;
        if (found === null) return;
        const before = found.value
          .split('\n')
          .slice(0, line - 1)
          .join('\n');
        const start = before.length === 0 ? 0 : before.length + 1;
        const end = found.value.indexOf('\n', start);
        found.focus();
        found.setSelectionRange(start, end === -1 ? found.value.length : end);
        found.scrollTop = Math.max(0, (line - 6) * lineHeight(found));
      },
    }),
  );
  useEffect(() => {
    const found = area.current;
    if (found === null) return;
    const follow = (): void => {
      if (numbers.current !== null) numbers.current.scrollTop = found.scrollTop;
    };
    found.addEventListener('scroll', follow, { passive: true });
    return () => found.removeEventListener('scroll', follow);
  }, []);
  const look = (asked: boolean): void => {
    const found = area.current;
    const isOne = found !== null && found.selectionStart === found.selectionEnd;
    const next = isOne && schema !== undefined ? completionsAt(found.value, found.selectionStart, schema) : undefined;
    const wanted = next !== undefined && next.items.length > 0 && (asked || (found?.selectionStart ?? 0) > next.from);
    setOffer(wanted ? { ...next, chosen: asked ? 0 : -1 } : undefined);
  };
  const take = (index: number): void => {
    const [found, item] = [area.current, offer?.items[index]];
    if (found === null || offer === undefined || item === undefined) return;
    found.setRangeText(item.insert, offer.from, found.selectionStart, 'end');
    found.focus();
    onChange(found.value);
    look(/\n *(- )?$|: $/.test(item.insert));
  };
  const onKeyDown = (event: KeyboardEvent & { readonly currentTarget: HTMLTextAreaElement }): void => {
    if (readOnly || event.isComposing) return;
    const moved = movedBy(event.key);
    if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault();
      look(true);
    } else if (offer !== undefined && moved !== 0) {
      event.preventDefault();
      const count = offer.items.length;
      const next = offer.chosen < 0 && moved < 0 ? count - 1 : (offer.chosen + moved + count) % count;
      setOffer({ ...offer, chosen: next });
    } else if (offer !== undefined && event.key === 'Escape') {
      event.preventDefault();
      setOffer(undefined);
    } else if (event.key === 'Enter') {
      if (offer !== undefined && offer.chosen >= 0) {
        event.preventDefault();
        take(offer.chosen);
      } else {
        keepIndent(event, onChange);
        setOffer(undefined);
      }
    }
  };
  return (
    <>
      <div class="editor">
        <div class="numbers" ref={numbers} aria-hidden="true">
          {Array.from({ length: lines }, (_, index) => {
            const severity = marks.get(index + 1);
            return (
              <div
                key={String(index)}
                class={severity === undefined ? '' : severity === 'error' ? 'wrong' : 'doubtful'}
              >
                {index + 1}
              </div>
            );
          })}
        </div>
        <textarea
          ref={area}
          aria-label={label}
          aria-invalid={problems.some(({ severity }) => severity === 'error')}
          aria-describedby={`${id}-help`}
          aria-autocomplete="list"
          value={text}
          readOnly={readOnly}
          rows={Math.min(40, Math.max(12, lines + 1))}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          wrap="off"
          onInput={(event) => {
            onChange(event.currentTarget.value);
            look(false);
          }}
          onKeyDown={onKeyDown}
          onClick={() => setOffer(undefined)}
          {...(offer === undefined ? {} : { 'aria-controls': id })}
          {...(offer === undefined || offer.chosen < 0 ? {} : { 'aria-activedescendant': `${id}-${offer.chosen}` })}
        />
      </div>
      <p id={`${id}-help`} class="quiet">
        {readOnly
          ? 'It would be deleted.'
          : 'Ctrl and Space: what may stand at the cursor. Arrows choose, Enter takes it, Escape closes the list.'}
      </p>
      {offer === undefined ? null : <Offered id={id} offer={offer} onTake={take} />}
    </>
  );
}

function Offered({
  id,
  offer,
  onTake,
}: {
  readonly id: string;
  readonly offer: Offer;
  readonly onTake: (index: number) => void;
}) {
  return (
    <div class="completions" role="listbox" id={id} aria-label="What may stand here">
      {offer.items.map(({ label, about }, index) => (
        // biome-ignore lint/a11y/useFocusableInteractive: the text field has the focus, and says which one is active.
        // biome-ignore lint/a11y/useKeyWithClickEvents: its keys are those of the text field.
        <div
          key={label}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === offer.chosen}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onTake(index)}
        >
          <b>{label}</b> {about === undefined ? null : <span class="quiet">{about}</span>}
        </div>
      ))}
    </div>
  );
}

function movedBy(key: string): number {
  return key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : 0;
}

/** The new line begins as deep as this one. */
function keepIndent(
  event: KeyboardEvent & { readonly currentTarget: HTMLTextAreaElement },
  onChange: (text: string) => void,
): void {
  const area = event.currentTarget;
  const start = area.value.lastIndexOf('\n', area.selectionStart - 1) + 1;
  const line = area.value.slice(start, area.selectionStart);
  const indent = /^ */.exec(line)?.[0] ?? '';
  const deeper = /:\s*$/.test(line) ? '  ' : '';
  if (indent === '' && deeper === '') return;
  event.preventDefault();
  area.setRangeText(`\n${indent}${deeper}`, area.selectionStart, area.selectionEnd, 'end');
  onChange(area.value);
}

function lineHeight(area: HTMLTextAreaElement): number {
  return Number.parseFloat(getComputedStyle(area).lineHeight) || 20;
}
