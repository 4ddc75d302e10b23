// Light, dark, or as the system is; kept for this browser.
import { useEffect, useState } from 'preact/hooks';

const themes = ['auto', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];
const kept = 'cellwall-colours';

/** The second one takes the next. */
export function useTheme(): readonly [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(() => themes.find((one) => one === localStorage.getItem(kept)) ?? 'auto');
  useEffect(() => {
    const root = document.documentElement;
    if (theme === 'auto') delete root.dataset['theme'];
    else root.dataset['theme'] = theme;
    localStorage.setItem(kept, theme);
    dispatchEvent(new Event('cellwall-theme'));
  }, [theme]);
  return [theme, () => setTheme((now) => themes[(themes.indexOf(now) + 1) % themes.length] ?? 'auto')];
}

/** Changes with the colours: what draws them itself draws again. */
export function useThemeCount(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const more = (): void => setCount((before) => before + 1);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', more);
    addEventListener('cellwall-theme', more);
    return () => {
      dark.removeEventListener('change', more);
      removeEventListener('cellwall-theme', more);
    };
  }, []);
  return count;
}
