# bash completion of envinstall; made by packaging/command_texts.py
_envinstall() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} sub=${COMP_WORDS[1]} words=
  COMPREPLY=()
  case $sub in
    list) words='--json -h --help' ;;
    info) words='--allowed-signers --trust --require-signatures --revoked-keys --fips --allow-expired --json -h --help' ;;
    verify) words='--full --jobs --allowed-signers --trust --require-signatures --revoked-keys --fips --allow-expired --json -q --quiet -v --verbose -h --help' ;;
    check) words='--gpu-check --time-limit --json -q --quiet -v --verbose -h --help' ;;
    prewarm) words='--max-bytes --jobs --json -q --quiet -v --verbose -h --help' ;;
    rollback) words='--json -q --quiet -v --verbose -h --help' ;;
    repair) words='--from --jobs --wait --allowed-signers --trust --require-signatures --revoked-keys --fips --allow-expired --json -q --quiet -v --verbose -h --help' ;;
    history) words='--json -q --quiet -v --verbose -h --help' ;;
    gc) words='--keep --older-than --dry-run --leases --wait --json -q --quiet -v --verbose -h --help' ;;
    stage) words='--to --remove --jobs --max-bytes --no-reuse --wait --insecure-prefix --allowed-signers --trust --require-signatures --revoked-keys --fips --allow-expired --json -q --quiet -v --verbose -h --help' ;;
    uninstall) words='--all --wait --json -q --quiet -v --verbose -h --help' ;;
    trust) words='--site --principal --valid-after --valid-before --allowed-signers --revoked-keys --json -q --quiet -v --verbose -h --help' ;;
    *) words='--prefix --parents --dry-run --check --as-image --jobs --max-bytes --no-reuse --prewarm --allow-downgrade --wait --insecure-prefix --gpu-check --time-limit --layout --module-conflict --json -q --quiet -v --verbose -h --help --version --allowed-signers --trust --require-signatures --revoked-keys --fips --allow-expired'
       ((COMP_CWORD == 1)) && words+=' list info verify check prewarm rollback repair history gc stage uninstall trust' ;;
  esac
  case $prev in --allowed-signers|--fips|--from|--gpu-check|--jobs|--keep|--layout|--leases|--max-bytes|--module-conflict|--older-than|--prefix|--principal|--require-signatures|--revoked-keys|--time-limit|--to|--trust|--valid-after|--valid-before|--wait) words= ;; esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o bashdefault -o default -F _envinstall envinstall
