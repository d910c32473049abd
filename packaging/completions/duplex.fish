# Completion of duplex(1) for fish: commands and options as --help tells them.
function __duplex_commands
    duplex --help 2>/dev/null | sed -n '/^Subcommands:/,$ s/^  \([a-z]*\)  *\(.*\)/\1\t\2/p'
end

function __duplex_help
    set -l words (commandline -opc)
    set -l command connect
    if contains -- $words[2] (__duplex_commands | cut -f 1)
        set command $words[2]
    end
    duplex $command --help 2>/dev/null
end

# What the option before the cursor takes, if anything.
function __duplex_kind
    set -l words (commandline -opc)
    __duplex_help | sed -n "s/^  $words[-1] \([^ :=]\{1,\}\).*/\1/p" 2>/dev/null
end

function __duplex_words
    set -l kind (__duplex_kind)
    if test -n "$kind"
        string split '|' -- $kind | string match -r '^[a-z].*'
    else
        __duplex_help | sed -n 's/^  \(-h,\)\{0,1\}\(--[a-z-]*\).*/\2/p'
    end
end

function __duplex_is_first
    test (count (commandline -opc)) -eq 1
end

complete -c duplex -f
complete -c duplex -n __duplex_is_first -a '(__duplex_commands)'
complete -c duplex -n __duplex_is_first -l help -l version
complete -c duplex -n 'not __duplex_is_first' -a '(__duplex_words)'
complete -c duplex -n '__fish_seen_subcommand_from transcribe; and test -z "$(__duplex_kind)"' -F
complete -c duplex -n 'not __duplex_is_first; and string match -qr "FILE|DIR" -- (__duplex_kind)' -F
