// The top of the page: navigation, state of the control plane, who is signed in.
import { useEffect, useRef } from 'preact/hooks';
import { useLive } from '../api/context.ts';
import { hrefOf, type Place, type View } from '../route.ts';
import { Badge } from './badge.tsx';
import { useTheme } from './theme.ts';

const entries: readonly (readonly [View, string])[] = [
  ['map', 'Map'],
  ['services', 'Services'],
  ['proxies', 'Proxies'],
  ['policies', 'Policies'],
  ['certificates', 'Certificates'],
  ['audit', 'Audit'],
  ['explain', 'Explain'],
];

export function Header({ place, onSignOut }: { readonly place: Place; readonly onSignOut: () => void }) {
  const { who } = useLive();
  const [theme, nextTheme] = useTheme();
  const list = useRef<HTMLUListElement>(null);
  // On a narrow screen the views are more than fit.
  useEffect(() => {
    list.current?.querySelector(`[data-view="${place.view}"]`)?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [place.view]);
  return (
    <header class="top">
      <a class="brand" href={hrefOf('map')}>
        <img src="/page/icon.svg" alt="" width="20" height="20" />
        <span>Cellwall</span>
      </a>
      <nav aria-label="Views">
        <ul ref={list}>
          {entries.map(([view, name]) => (
            <li key={view} data-view={view}>
              <a href={hrefOf(view)} {...(place.view === view ? { 'aria-current': 'page' as const } : {})}>
                {name}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <State />
      <div class="who">
        <button
          type="button"
          class="plain"
          onClick={nextTheme}
          aria-label={`Colours: ${theme}. Change`}
          title="Colours"
        >
          {theme === 'dark' ? '☾' : theme === 'light' ? '☀' : '◐'}
        </button>
        <span class="name" title={`role ${who.role}`}>
          {who.name} <span class="quiet">{who.role}</span>
        </span>
        <button type="button" class="plain" onClick={onSignOut}>
          Sign out
        </button>
      </div>
    </header>
  );
}

/** Announced when it changes. */
function State() {
  const { link, pulse } = useLive();
  return (
    <div class="live" role="status" aria-label="State of the control plane">
      {link === 'broken' ? <Badge tone="bad">no connection</Badge> : null}
      {link === 'connecting' && pulse === undefined ? <Badge tone="quiet">connecting</Badge> : null}
      {pulse === undefined ? null : <Pulsed />}
    </div>
  );
}

function Pulsed() {
  const { pulse } = useLive();
  if (pulse === undefined) return null;
  const { revision, ready, problems, rollout } = pulse;
  const all = rollout.accepted + rollout.pending + rollout.rejected;
  return (
    <>
      <span class="revision" title="Revision of the documents in force">
        rev {revision ?? '–'}
      </span>
      {ready ? null : <Badge tone="warn">not ready</Badge>}
      {problems === 0 ? null : (
        <a href={hrefOf('policies')}>
          <Badge tone="bad">
            {problems} {problems === 1 ? 'problem' : 'problems'}
          </Badge>
        </a>
      )}
      <a href={hrefOf('proxies')} title="Proxies that accepted what is in force">
        {rollout.rejected > 0 ? (
          <Badge tone="bad">{rollout.rejected} rejecting</Badge>
        ) : (
          <Badge tone={rollout.pending > 0 ? 'warn' : 'good'}>
            {rollout.accepted}/{all}
            {rollout.elsewhere === 0 ? '' : ` + ${rollout.elsewhere} elsewhere`} proxies
          </Badge>
        )}
      </a>
    </>
  );
}
