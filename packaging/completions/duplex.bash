# Completion of duplex(1) for bash: commands and options as --help tells them.
_duplex() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands command=connect kind help
  commands=$("$program" --help 2> /dev/null | sed -n '/^Subcommands:/,$ s/^  \([a-z]*\) .*/\1/p')
  if [[ $COMP_CWORD -eq 1 && $current != ws* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$current")
    return
  fi
  grep -qx -- "${COMP_WORDS[1]}" <<< "$commands" && command=${COMP_WORDS[1]}
  help=$("$program" "$command" --help 2> /dev/null)
  kind=$(sed -n "s/^  ${previous//\//} \([^ :=]\{1,\}\).*/\1/p" <<< "$help")
  case $kind in
    FILE) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    DIR) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    *'|'*) mapfile -t COMPREPLY < <(compgen -W "$(tr '|' '\n' <<< "$kind" | grep '^[a-z]')" -- "$current") ;;
    '')
      mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^  \(-h,\)\{0,1\}\(--[a-z-]*\).*/\2/p' <<< "$help")" -- "$current")
      [[ $command != transcribe || $current == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
      ;;
  esac
}
complete -F _duplex duplex
