/*
 * completion: the scripts that let bash, zsh and fish complete epochctl. They know no verb and no option: each asks
 * `epochctl complete`, so they never grow old.
 */
#include "cli/cli.h"
#include "cli/verbs.h"

static const char bash_script[] =
    "# bash completion of epochctl(1), made by: epochctl completion bash\n"
    "_epochctl()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} line\n"
    "    local -a lines\n"
    "    COMPREPLY=()\n"
    "    [[ $current == '=' ]] && current=\n"
    "    mapfile -t lines < <(\"$1\" complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "    case ${lines[0]-} in\n"
    "    :file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$current\") ;;\n"
    "    :dir) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$current\") ;;\n"
    "    :host) mapfile -t COMPREPLY < <(compgen -A hostname -- \"$current\") ;;\n"
    "    :rev) mapfile -t COMPREPLY < <(compgen -W \"${lines[*]:1} $(git for-each-ref --format='%(refname:short)' \\\n"
    "        refs/heads refs/tags 2>/dev/null)\" -- \"$current\") ;;\n"
    "    *) COMPREPLY=(\"${lines[@]%%$'\\t'*}\") ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _epochctl epochctl\n";

static const char zsh_script[] =
    "#compdef epochctl\n"
    "# zsh completion of epochctl(1), made by: epochctl completion zsh\n"
    "_epochctl()\n"
    "{\n"
    "    local line word\n"
    "    local -a lines found\n"
    "    lines=(\"${(@f)$(\"${words[1]}\" complete -- \"${(@)words[2,CURRENT-1]}\" \"$PREFIX\" 2>/dev/null)}\")\n"
    "    case ${lines[1]} in\n"
    "    :file) _files ;;\n"
    "    :dir) _files -/ ;;\n"
    "    :host) _hosts ;;\n"
    "    :rev) found=(${lines[2,-1]%%$'\\t'*} ${(f)\"$(git for-each-ref --format='%(refname:short)' refs/heads refs/tags 2>/dev/null)\"})\n"
    "        compadd -a found ;;\n"
    "    *)\n"
    "        for line in $lines; do\n"
    "            word=${line%%$'\\t'*}\n"
    "            found+=(\"${word//:/\\\\:}:${line#*$'\\t'}\")\n"
    "        done\n"
    "        _describe epochctl found ;;\n"
    "    esac\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _epochctl ]; then _epochctl \"$@\"; else compdef _epochctl epochctl; fi\n";

static const char fish_script[] =
    "# fish completion of epochctl(1), made by: epochctl completion fish\n"
    "function __epochctl_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l current (commandline -ct)\n"
    "    set -l lines ($words[1] complete -- $words[2..-1] \"$current\" 2>/dev/null)\n"
    "    switch \"$lines[1]\"\n"
    "        case :file\n"
    "            __fish_complete_path \"$current\"\n"
    "        case :dir\n"
    "            __fish_complete_directories \"$current\"\n"
    "        case :host\n"
    "            __fish_print_hostnames\n"
    "        case :rev\n"
    "            set -e lines[1]\n"
    "            string join \\n -- $lines\n"
    "            git for-each-ref --format='%(refname:short)' refs/heads refs/tags 2>/dev/null\n"
    "        case '*'\n"
    "            string join \\n -- $lines\n"
    "    end\n"
    "end\n"
    "complete -c epochctl -f -a '(__epochctl_complete)'\n";

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct buf text AUTO_BUF = {0};
    (void)cli;
    switch (args->operands[0][0]) {
    case 'b':
        buf_puts(&text, bash_script);
        break;
    case 'z':
        buf_puts(&text, zsh_script);
        break;
    default:
        buf_puts(&text, fish_script);
        break;
    }
    return cli_print(&text);
}

const struct cli_verb verb_completion = {
    .name = "completion",
    .summary = "let bash, zsh or fish complete",
    .help = "Prints a script that completes verbs, options, services, keys, epochs and codes. An installed\n"
            "*epochctl* brings all three; without: *source <(epochctl completion bash)*, the same in zsh, or\n"
            "*epochctl completion fish | source*.\n",
    .operands = {{.name = "bash|zsh|fish", .kind = CLI_WORDS}},
    .run = run,
};
