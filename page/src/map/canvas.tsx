// The map as a picture: dragged, zoomed, pointed at. The same is in the tables below it for whoever cannot see or point.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { EdgeState } from '../../../src/admin/wire-map.ts';
import { hrefOf } from '../route.ts';
import { useThemeCount } from '../ui/theme.ts';
import { type Camera, drawMarked, nodeAt } from './draw.ts';
import type { Layout, Node } from './layout.ts';
import { createPainter, type Painter } from './paint.ts';

const limits = { least: 0.05, most: 3 };

export function MapCanvas({ layout, hidden }: { readonly layout: Layout; readonly hidden: ReadonlySet<EdgeState> }) {
  const box = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const above = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  /** Undefined: fits the whole map, whatever its size becomes. */
  const [moved, setMoved] = useState<Camera>();
  const [marked, setMarked] = useState<Node>();
  const painter = useRef<Painter | undefined>(undefined);
  const theme = useThemeCount();
  const fitted = useMemo(() => fitTo(layout, size), [layout, size]);
  const camera = moved ?? fitted;
  const drag = useRef<{ readonly x: number; readonly y: number; readonly from: Camera; far: boolean } | undefined>(
    undefined,
  );

  useEffect(() => {
    const found = box.current;
    if (found === null) return;
    const look = (): void => setSize({ width: found.clientWidth, height: found.clientHeight });
    look();
    const observer = new ResizeObserver(look);
    observer.observe(found);
    return () => observer.disconnect();
  }, []);

  // `theme` and `size` change what is drawn, too.
  useEffect(() => {
    const context = base.current?.getContext('2d');
    if (context == null) return;
    painter.current ??= createPainter(context.canvas, context);
    return painter.current.paint({ layout, camera, hidden, colour: coloursOf(context) });
  }, [layout, camera, hidden, size, theme]);
  useEffect(() => {
    const context = above.current?.getContext('2d');
    if (context == null) return;
    const frame = requestAnimationFrame(() => drawMarked(context, layout, camera, coloursOf(context), marked));
    return () => cancelAnimationFrame(frame);
  }, [layout, camera, marked, size, theme]);

  const zoom = (factor: number, x = size.width / 2, y = size.height / 2): void =>
    setMoved((now) => zoomed(now ?? fitted, factor, x, y));

  useEffect(() => {
    const found = above.current;
    if (found === null) return;
    const wheel = (event: WheelEvent): void => {
      // The page scrolls unless somebody means the map.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
    };
    found.addEventListener('wheel', wheel, { passive: false });
    return () => found.removeEventListener('wheel', wheel);
  });

  const at = (event: PointerEvent): Node | undefined => {
    const { x, y, scale } = camera;
    return nodeAt(layout, (event.offsetX - x) / scale, (event.offsetY - y) / scale);
  };
  const pixels = devicePixelRatio;
  const canvas = { width: Math.round(size.width * pixels), height: Math.round(size.height * pixels) };
  return (
    // As high as it needs to be, so that a small mesh leaves no empty space: the style sheet says how much is too much.
    <div class="map" ref={box} style={{ height: `${heightOf(layout, size.width)}px` }}>
      <div aria-hidden="true">
        <canvas ref={base} {...canvas} />
        <canvas
          ref={above}
          {...canvas}
          class={marked === undefined ? 'above' : 'above pointed'}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            drag.current = { x: event.offsetX, y: event.offsetY, from: camera, far: false };
          }}
          onPointerMove={(event) => {
            const { current } = drag;
            if (current === undefined) {
              if (event.pointerType === 'mouse') setMarked(at(event));
              return;
            }
            const [dx, dy] = [event.offsetX - current.x, event.offsetY - current.y];
            current.far ||= Math.hypot(dx, dy) > 5;
            if (current.far) setMoved({ ...current.from, x: current.from.x + dx, y: current.from.y + dy });
          }}
          onPointerUp={(event) => {
            const { current } = drag;
            drag.current = undefined;
            if (current?.far === true) return;
            const node = at(event);
            // A finger looks first, and follows with the second touch; so does whoever touches nothing.
            if (event.pointerType !== 'mouse' && node !== marked) setMarked(node);
            else if (node?.service !== undefined) location.hash = hrefOf('services', node.id);
          }}
          onPointerLeave={() => setMarked(undefined)}
        />
      </div>
      <div class="map-buttons">
        <button type="button" onClick={() => zoom(1.4)} aria-label="Larger">
          +
        </button>
        <button type="button" onClick={() => zoom(1 / 1.4)} aria-label="Smaller">
          −
        </button>
        <button type="button" onClick={() => setMoved(undefined)}>
          All
        </button>
      </div>
    </div>
  );
}

const room = 12;
/** Beyond its own size, a small map is not blown up by more. */
const largest = 1.25;
/** A small map is never so small that its names cannot be read: on a narrow screen it is dragged. */
const [smallNodes, smallest] = [60, 0.62];
/** Below the map, for its buttons. */
const buttonsPx = 44;

function scaleOf({ width, nodes }: Layout, given: number): number {
  const fits = (given - 2 * room) / Math.max(width, 1);
  return Math.min(nodes.length <= smallNodes ? Math.max(fits, smallest) : Math.max(0, fits), largest);
}

function heightOf(layout: Layout, given: number): number {
  return Math.ceil(layout.height * scaleOf(layout, given)) + 2 * room + buttonsPx;
}

function fitTo(layout: Layout, size: { readonly width: number; readonly height: number }): Camera {
  const scale = Math.min(
    scaleOf(layout, size.width),
    Math.max(
      (size.height - 2 * room - buttonsPx) / Math.max(layout.height, 1),
      layout.nodes.length <= smallNodes ? smallest : 0,
    ),
  );
  const bounded = Math.max(limits.least, scale);
  return { scale: bounded, x: Math.max(room, (size.width - layout.width * bounded) / 2), y: room };
}

function zoomed({ x, y, scale }: Camera, factor: number, atX: number, atY: number): Camera {
  const next = Math.min(limits.most, Math.max(limits.least, scale * factor));
  const by = next / scale;
  return { scale: next, x: atX - (atX - x) * by, y: atY - (atY - y) * by };
}

/** Custom properties of the style sheet, each looked up once. */
function coloursOf({ canvas }: CanvasRenderingContext2D): (property: string) => string {
  const style = getComputedStyle(canvas);
  const known = new Map<string, string>();
  return (property) => {
    const value = known.get(property) ?? style.getPropertyValue(property);
    known.set(property, value);
    return value;
  };
}
