// A plot over time, in the colours of the page. uPlot draws it; what it shows also stands in the table below it.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useThemeCount } from '../ui/theme.ts';
import { clock, exact } from '../ui/time.ts';
import type { Line } from './lines.ts';

export interface PlotProps {
  readonly title: string;
  /** Of the values; a count has none. */
  readonly unit: string;
  /** Epoch milliseconds. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
}

const height = 190;
const font = '12px system-ui, sans-serif';
/** Nobody made half a call. */
const wholeSteps = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

export function Plot({ title, unit, times, lines }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const theme = useThemeCount();
  // `theme` changes the colours that are read here.
  useEffect(() => {
    const found = box.current;
    if (found === null) return;
    const plot = new uPlot(optionsOf(found, { unit, times, lines }), dataOf(times, lines), found);
    const size = new ResizeObserver(() => plot.setSize({ width: found.clientWidth, height }));
    size.observe(found);
    return () => {
      size.disconnect();
      plot.destroy();
    };
  }, [times, lines, unit, theme]);
  return (
    <figure class="plot">
      <figcaption>{title}</figcaption>
      <div ref={box} role="img" aria-label={title} />
    </figure>
  );
}

function dataOf(times: readonly number[], lines: readonly Line[]): uPlot.AlignedData {
  return [times.map((at) => at / 1000), ...lines.map(({ values }) => values.map((value) => value ?? null))];
}

function optionsOf(box: HTMLElement, { unit, times, lines }: Omit<PlotProps, 'title'>): uPlot.Options {
  const style = getComputedStyle(box);
  const colour = (name: string): string => style.getPropertyValue(name);
  const thin = { stroke: colour('--line'), width: 1 };
  const axis = { font, stroke: colour('--quiet'), grid: thin, ticks: { ...thin, size: 4 } };
  const said = (value: number): string => `${value.toLocaleString('en')}${unit === '' ? '' : ` ${unit}`}`;
  const long = (times.at(-1) ?? 0) - (times[0] ?? 0) > 36 * 3_600_000;
  return {
    ...{ width: box.clientWidth, height, cursor: { y: false, drag: { x: false, y: false } } },
    scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis, size: 30, values: (_plot, ticks) => ticks.map((tick) => clock(tick * 1000, long)) },
      { ...axis, size: 62, values: (_plot, ticks) => ticks.map(said), ...(unit === '' ? { incrs: wholeSteps } : {}) },
    ],
    series: [
      { label: 'Time', value: (_plot, at) => (at === null ? '–' : exact(at * 1000)) },
      ...lines.map(
        ({ label, colour: property, dash, values }): uPlot.Series => ({
          ...{ label, stroke: colour(property), width: 1.6, spanGaps: false },
          // A line needs two values: what stands alone is a point.
          points: { show: values.filter((value) => value !== undefined).length < 40, size: 5 },
          value: (_plot, value) => (value === null ? '–' : said(value)),
          ...(dash === undefined ? {} : { dash: [...dash] }),
        }),
      ),
    ],
  };
}
