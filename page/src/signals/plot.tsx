// A plot over time, in the colours of the page.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useThemeCount } from '../ui/theme.ts';

export interface Line {
  readonly label: string;
  /** A custom property of the style sheet. */
  readonly colour: string;
  readonly dash?: readonly number[];
  readonly values: readonly (number | undefined)[];
}

export interface PlotProps {
  /** What a screen reader says of it: the figures stand beside it. */
  readonly label: string;
  readonly unit: string;
  /** Epoch milliseconds. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
}

const height = 180;

export function Plot({ label, unit, times, lines }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const theme = useThemeCount();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `theme` changes the colours that are read here.
  useEffect(() => {
    const found = box.current;
    if (found === null) return;
    const style = getComputedStyle(found);
    const colour = (name: string): string => style.getPropertyValue(name);
    const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line') }, ticks: { stroke: colour('--line') } };
    const plot = new uPlot(
      {
        ...{ width: found.clientWidth, height },
        cursor: { y: false },
        scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
        axes: [axis, { ...axis, size: 60, values: (_plot, ticks) => ticks.map((tick) => `${tick.toLocaleString('en')} ${unit}`) }],
        series: [
          { label: 'Time' },
          ...lines.map(({ label: name, colour: property, dash }) => ({
            ...{ label: name, stroke: colour(property), width: 1.6, points: { show: times.length < 40 }, spanGaps: false },
            ...(dash === undefined ? {} : { dash: [...dash] }),
          })),
        ],
      },
      [times.map((at) => at / 1000), ...lines.map(({ values }) => values.map((value) => value ?? null))],
      found,
    );
    const size = new ResizeObserver(() => plot.setSize({ width: found.clientWidth, height }));
    size.observe(found);
    return () => {
      size.disconnect();
      plot.destroy();
    };
  }, [times, lines, unit, theme]);
  return <div class="plot" ref={box} role="img" aria-label={label} />;
}
