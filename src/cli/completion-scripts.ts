/** Shells that can be completed, and the scripts that ask this program for words. */
export const completionScripts: Readonly<Record<'bash' | 'zsh' | 'fish', string>> = {
  bash: `# bash completion for strata; to load it at each start:
#   strata completion bash > /etc/bash_completion.d/strata
_strata() {
  local line=\${COMP_LINE:0:COMP_POINT} current offered word
  local -a words
  # Our own words: bash splits at ":" and "=", which image names and flags hold.
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=\${words[\${#words[@]}-1]}
  COMPREPLY=()
  while IFS= read -r offered; do
    if [[ $offered == :files ]]; then
      compopt -o default 2>/dev/null
      continue
    fi
    word=\${offered%%$'\\t'*}
    COMPREPLY+=("$word")
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
  # What bash takes for earlier words must not be repeated.
  local last=\${COMP_WORDS[COMP_CWORD]} kept
  [[ $last == [:=] ]] && last=
  kept=\${current%"$last"}
  if [[ -n $kept ]]; then
    COMPREPLY=("\${COMPREPLY[@]#"$kept"}")
  fi
}
complete -F _strata strata
`,
  zsh: `#compdef strata
# zsh completion for strata; put it where $fpath looks:
#   strata completion zsh > "\${fpath[1]}/_strata"
_strata() {
  local offered word meaning files=0
  local -a described
  while IFS= read -r offered; do
    if [[ $offered == :files ]]; then
      files=1
      continue
    fi
    word=\${offered%%$'\\t'*}
    meaning=
    [[ $offered == *$'\\t'* ]] && meaning=\${offered#*$'\\t'}
    described+=("\${word//:/\\\\:}\${meaning:+:$meaning}")
  done < <("\${words[1]}" __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  if (( files )); then
    _files
  else
    _describe -t words strata described
  fi
}
if [[ $funcstack[1] == _strata ]]; then
  _strata "$@"
else
  compdef _strata strata
fi
`,
  fish: `# fish completion for strata; to load it at each start:
#   strata completion fish > ~/.config/fish/completions/strata.fish
function __strata_offer
  set -l typed (commandline -opc) (commandline -ct)
  set -l program $typed[1]
  set -e typed[1]
  for offered in ($program __complete -- $typed 2>/dev/null)
    if test "$offered" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $offered
    end
  end
end
complete -c strata -f -a '(__strata_offer)'
`,
};
