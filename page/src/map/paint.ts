// Brings the map onto its canvas. A small one is drawn at once. Of a large one, what is there is moved and scaled at once, and the new picture
// is made beside it, a part in each frame, so that no frame waits for thousands of lines.
import type { EdgeState } from '../../../src/admin/wire-map.ts';
import { type Camera, type Colours, drawMap, mapSteps } from './draw.ts';
import type { Layout } from './layout.ts';

export interface Painting {
  readonly layout: Layout;
  readonly camera: Camera;
  readonly hidden: ReadonlySet<EdgeState>;
  readonly colour: Colours;
}

export interface Painter {
  /** Returns what gives it up. */
  paint(painting: Painting): () => void;
}

/** Of edges: so many are drawn within a frame. */
const few = 400;
/** As long as somebody moves it, it is not begun. */
const quietMs = 60;

export function createPainter(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D): Painter {
  const beside = document.createElement('canvas');
  // It is rasterized part by part, as soon as it is looked at, instead of all at once in the end.
  const draft = beside.getContext('2d', { willReadFrequently: true });
  /** As which the canvas was drawn. */
  let shown: Camera | undefined;

  const show = (camera: Camera): void => {
    shown = camera;
    canvas.style.transform = '';
    canvas.dataset['drawn'] = 'yes';
  };
  const move = ({ x, y, scale }: Camera): void => {
    if (shown === undefined) return;
    const by = scale / shown.scale;
    canvas.style.transformOrigin = '0 0';
    canvas.style.transform = `translate(${x - shown.x * by}px, ${y - shown.y * by}px) scale(${by})`;
  };
  return {
    paint({ layout, camera, hidden, colour }) {
      delete canvas.dataset['drawn'];
      if (layout.edges.length <= few || draft === null) {
        const frame = requestAnimationFrame(() => {
          drawMap(context, layout, camera, colour, hidden);
          show(camera);
        });
        return () => cancelAnimationFrame(frame);
      }
      move(camera);
      let frame = 0;
      const begin = (): void => {
        beside.width = canvas.width;
        beside.height = canvas.height;
        const steps = mapSteps(draft, layout, camera, colour, hidden);
        const step = (): void => {
          const { done } = steps.next();
          draft.getImageData(0, 0, 1, 1);
          if (done !== true) {
            frame = requestAnimationFrame(step);
            return;
          }
          context.setTransform(1, 0, 0, 1, 0, 0);
          context.clearRect(0, 0, canvas.width, canvas.height);
          context.drawImage(beside, 0, 0);
          show(camera);
        };
        step();
      };
      const timer = setTimeout(begin, shown === undefined ? 0 : quietMs);
      return () => {
        clearTimeout(timer);
        cancelAnimationFrame(frame);
      };
    },
  };
}
