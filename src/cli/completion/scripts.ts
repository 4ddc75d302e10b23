// What a shell is given once: it then asks `cellwall completion SHELL -- WORD…` at every Tab. A line of the answer is a word, and for
// shells that show it, a tab and what it means; `:files` alone leaves it to the shell.

export type Shell = keyof typeof scripts;

export const filesOnly = ':files';

const bash = `# cellwall completion for bash: source <(cellwall completion bash), in ~/.bashrc
_cellwall() {
  local line first=1 cur="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  # bash cuts words at "=", and shows that as a word of its own.
  [[ $cur == '=' ]] && cur=''
  while IFS= read -r line; do
    if [[ $first == 1 && $line == '${filesOnly}' ]]; then
      compopt -o default 2>/dev/null
      COMPREPLY=()
      return
    fi
    first=0
    [[ $line == "$cur"* ]] && COMPREPLY+=("$line")
  done < <("\${COMP_WORDS[0]}" completion bash -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" "$cur" 2>/dev/null)
}
complete -F _cellwall cellwall
`;

const zsh = `#compdef cellwall
# cellwall completion for zsh: source <(cellwall completion zsh), in ~/.zshrc after compinit
_cellwall() {
  local -a lines values shown
  local line
  lines=("\${(@f)$("\${words[1]}" completion zsh -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${lines[1]}" == '${filesOnly}' ]]; then
    _files
    return
  fi
  for line in "\${lines[@]}"; do
    [[ -z "$line" ]] && continue
    values+=("\${line%%$'\\t'*}")
    if [[ "$line" == *$'\\t'* ]]; then
      shown+=("\${line%%$'\\t'*}  -- \${line#*$'\\t'}")
    else
      shown+=("$line")
    fi
  done
  (( \${#values} )) && compadd -l -d shown -a values
}
if [[ "\${funcstack[1]}" == _cellwall ]]; then
  _cellwall "$@"
else
  compdef _cellwall cellwall
fi
`;

const fish = `# cellwall completion for fish: cellwall completion fish > ~/.config/fish/completions/cellwall.fish
function __cellwall_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($before[1] completion fish -- $before[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = '${filesOnly}'
        __fish_complete_path "$current"
    else
        printf '%s\\n' $lines
    end
end
complete -c cellwall -f -a '(__cellwall_complete)'
`;

export const scripts = { bash, zsh, fish } as const;
