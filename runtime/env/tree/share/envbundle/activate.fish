# Puts this environment first on PATH: `source PREFIX/share/envbundle/activate.fish`. `deactivate` undoes it.
# The prefix is computed from this file's own place.

# No cd in a command substitution: fish would change the directory of the whole shell.
set -l _dir (dirname (status current-filename))
string match -q '/*' -- $_dir; or set _dir $PWD/$_dir
set -l _prefix (string replace -r '/(share/envbundle|bin)$' '' -- $_dir)
if not test -x "$_prefix/bin/python"
    echo "activate: cannot find the environment from '"(status current-filename)"'" >&2
    exit 1
end

function deactivate -d 'leave the environment'
    if set -q ENVBUNDLE_PREFIX
        # Takes out this one entry instead of putting an old PATH back: what was added since then stays.
        if set -l i (contains -i -- $ENVBUNDLE_PREFIX/bin $PATH)
            set -e PATH[$i]
        end
        set -e ENVBUNDLE_PREFIX
    end
    if functions -q _envbundle_old_prompt
        functions -e fish_prompt
        functions -c _envbundle_old_prompt fish_prompt
        functions -e _envbundle_old_prompt
    end
    if test "$argv[1]" != keep
        functions -e deactivate
    end
end
deactivate keep

set -gx ENVBUNDLE_PREFIX $_prefix
set -gx PATH $ENVBUNDLE_PREFIX/bin $PATH
if status is-interactive; and functions -q fish_prompt; and not set -q VIRTUAL_ENV_DISABLE_PROMPT
    functions -c fish_prompt _envbundle_old_prompt
    function fish_prompt
        printf '(%s) ' (basename $ENVBUNDLE_PREFIX)
        _envbundle_old_prompt
    end
end
