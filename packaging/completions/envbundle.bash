# bash completion of envbundle; made by packaging/command_texts.py
_envbundle() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} sub=${COMP_WORDS[1]} words=
  COMPREPLY=()
  case $sub in
    lock) words='-o --output --upgrade --check --uv --cache --index-url --archive-url --sources --python --connections --json -q --quiet -v --verbose -h --help' ;;
    fetch) words='--cache --index-url --archive-url --sources --python --connections --json -q --quiet -v --verbose -h --help' ;;
    build) words='-o --output -k --key --installer --no-installer --fast --best --level --offline --force --counter --not-after --work-dir --cache --index-url --archive-url --sources --python --connections -j --jobs --json -q --quiet -v --verbose -h --help' ;;
    inspect) words='--files --frames --extract-index --extract-signatures --json -q --quiet -v --verbose -h --help' ;;
    verify) words='--allowed-signers --trust --revoked-keys --require-signatures -j --jobs --json -q --quiet -v --verbose -h --help' ;;
    keygen) words='--type --comment --json -q --quiet -v --verbose -h --help' ;;
    sign) words='-k --key --json -q --quiet -v --verbose -h --help' ;;
    *) words='-h --help --version'
       ((COMP_CWORD == 1)) && words+=' lock fetch build inspect verify keygen sign' ;;
  esac
  case $prev in --allowed-signers|--archive-url|--cache|--comment|--connections|--counter|--extract-index|--extract-signatures|--index-url|--installer|--jobs|--key|--level|--not-after|--output|--python|--require-signatures|--revoked-keys|--sources|--trust|--type|--uv|--work-dir|-j|-k|-o) words= ;; esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o bashdefault -o default -F _envbundle envbundle
