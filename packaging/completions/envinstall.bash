# bash completion of envinstall; made by packaging/command_texts.py
_envinstall() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} sub=${COMP_WORDS[1]} words=
  COMPREPLY=()
  case $sub in
    list) words='--json -h --help' ;;
    info) words='--allowed-signers --trust --require-signatures --json -h --help' ;;
    verify) words='--full --jobs --allowed-signers --trust --require-signatures --json -q --quiet -v --verbose -h --help' ;;
    check) words='--gpu-check --time-limit --json -q --quiet -v --verbose -h --help' ;;
    rollback) words='--json -q --quiet -v --verbose -h --help' ;;
    stage) words='--to --remove --jobs --max-bytes --wait --insecure-prefix --allowed-signers --trust --require-signatures --json -q --quiet -v --verbose -h --help' ;;
    uninstall) words='--all --wait --json -q --quiet -v --verbose -h --help' ;;
    *) words='--prefix --parents --dry-run --check --as-image --jobs --max-bytes --allow-downgrade --wait --insecure-prefix --gpu-check --time-limit --layout --module-conflict --json -q --quiet -v --verbose -h --help --version --allowed-signers --trust --require-signatures'
       ((COMP_CWORD == 1)) && words+=' list info verify check rollback stage uninstall' ;;
  esac
  case $prev in --allowed-signers|--gpu-check|--jobs|--layout|--max-bytes|--module-conflict|--prefix|--require-signatures|--time-limit|--to|--trust|--wait) words= ;; esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o bashdefault -o default -F _envinstall envinstall
