// How many certificates end when, at a glance.
import { span } from '../ui/time.ts';

const size = { width: 1000, height: 144, foot: 34 };

/** From now to the last that ends, in equal parts. The table below says the same. */
export function Timeline({ ends, now }: { readonly ends: readonly number[]; readonly now: number }) {
  const left = ends.map((at) => at - now).filter((ms) => ms > 0);
  if (left.length === 0) return null;
  const { step, counts } = partsOf(left);
  const most = Math.max(...counts);
  const width = size.width / counts.length;
  const room = size.height - size.foot - 14;
  return (
    <figure class="plot timeline">
      <figcaption class="quiet">
        {left.length} certificates, by when they end; each column is {span(step)}
      </figcaption>
      <svg viewBox={`0 0 ${size.width} ${size.height}`} aria-hidden="true">
        <line class="axis" x1="0" x2={size.width} y1={size.height - size.foot} y2={size.height - size.foot} />
        {counts.map((count, index) => {
          const height = (count / most) * room;
          const at = `${index}`;
          return count === 0 ? null : (
            <g key={at}>
              <rect
                class={index === 0 ? 'bar-fill warn' : 'bar-fill'}
                x={index * width + 1}
                width={Math.max(1, width - 2)}
                y={size.height - size.foot - height}
                height={height}
              />
              <text
                class="count"
                x={index * width + width / 2}
                y={size.height - size.foot - height - 3}
                text-anchor="middle"
              >
                {count}
              </text>
            </g>
          );
        })}
        {[0, 0.25, 0.5, 0.75].map((part) => (
          <text key={part} x={part * size.width + 2} y={size.height - 8}>
            {part === 0 ? 'now' : `in ${span(part * step * counts.length)}`}
          </text>
        ))}
        <text x={size.width - 2} y={size.height - 8} text-anchor="end">
          in {span(step * counts.length)}
        </text>
      </svg>
    </figure>
  );
}

const steps = [1, 5, 15, 60, 240, 1440, 10_080, 43_200, 525_600].map((minutes) => minutes * 60_000);
const maxParts = 48;

function partsOf(left: readonly number[]): { readonly step: number; readonly counts: readonly number[] } {
  const last = left.reduce((most, ms) => Math.max(most, ms), 0);
  const step = steps.find((ms) => last / ms <= maxParts) ?? last / maxParts;
  const counts = Array.from({ length: Math.max(1, Math.ceil(last / step)) }, () => 0);
  for (const ms of left) {
    const index = Math.min(counts.length - 1, Math.floor(ms / step));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return { step, counts };
}
