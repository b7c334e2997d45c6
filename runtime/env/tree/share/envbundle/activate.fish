# Puts this environment first on PATH: `source PREFIX/share/envbundle/activate.fish`. `deactivate` undoes it; where
# something else has that name, such as a Python venv, `envbundle_deactivate` does. It sets what activate.sh sets.
# The prefix is computed from this file's own place.

function _envbundle_activate -a file
    # No cd in a command substitution: fish would change the directory of the whole shell.
    set -l dir (string replace -r '/[^/]*$' '' -- $file)
    string match -q '*/*' -- $file; or set dir .
    string match -q '/*' -- $dir; or set dir $PWD/$dir
    set -l root (string replace -r '/(share/envbundle|bin)$' '' -- (string replace -ra '/\.(?=/)' '' -- $dir))
    if not test -x "$root/bin/python"
        echo "activate: cannot find the environment from '$file'; source it by its path in the prefix" >&2
        return 1
    end
    # Once more, or another one: what this shell activated before is undone first.
    set -q _envbundle_root; and envbundle_deactivate

    set -g _envbundle_root $root
    for name in ENVBUNDLE_PREFIX PYTHONHOME PYTHONNOUSERSITE
        set -q $name; and set -g _envbundle_kept_$name $$name
    end
    set -e PYTHONHOME
    set -gx ENVBUNDLE_PREFIX $root
    set -gx PYTHONNOUSERSITE 1
    set -gx PATH $root/bin $PATH
    # Without MANPATH man looks beside what is on PATH, and in the system's places, which one set here would hide.
    test -n "$MANPATH"; and set MANPATH $root/share/man $MANPATH

    function envbundle_deactivate -d 'leave the environment'
        set -q _envbundle_root; or return 0
        # Takes out one entry instead of putting an old list back: what was added since then stays.
        set -l i (contains -i -- $_envbundle_root/bin $PATH); and set -e PATH[$i]
        set -l i (contains -i -- $_envbundle_root/share/man $MANPATH); and set -e MANPATH[$i]
        for name in ENVBUNDLE_PREFIX PYTHONHOME PYTHONNOUSERSITE
            set -l kept _envbundle_kept_$name
            if set -q $kept
                set -gx $name $$kept
            else
                set -e $name
            end
            set -e $kept
        end
        if functions -q _envbundle_old_prompt
            functions -e fish_prompt
            functions -c _envbundle_old_prompt fish_prompt
            functions -e _envbundle_old_prompt
        end
        if set -q _envbundle_completion
            complete -e -c envrun
            for name in (functions -an | string match '_envrun*')
                functions -e $name
            end
        end
        # A venv may have put its own in the place of ours.
        if functions deactivate 2>/dev/null | string match -q '*envbundle_deactivate*'
            functions -e deactivate
        end
        set -e _envbundle_root _envbundle_completion
        functions -e envbundle_deactivate
    end
    if not functions -q deactivate
        function deactivate -d 'leave the environment'
            envbundle_deactivate
        end
    end
    status is-interactive; or return 0
    if functions -q fish_prompt; and not set -q VIRTUAL_ENV_DISABLE_PROMPT
        functions -c fish_prompt _envbundle_old_prompt
        function fish_prompt
            printf '(%s) ' (string replace -r '.*/' '' -- $_envbundle_root)
            _envbundle_old_prompt
        end
    end
    if test -r $root/share/fish/vendor_completions.d/envrun.fish; and test -z "$(complete -c envrun)"
        source $root/share/fish/vendor_completions.d/envrun.fish
        set -g _envbundle_completion yes
    end
    return 0
end

_envbundle_activate (status current-filename)
# Not `exit` or `return`: in a sourced file they end the shell of whoever typed it, or do nothing in older ones.
set -l _envbundle_status $status
functions -e _envbundle_activate
test $_envbundle_status = 0
