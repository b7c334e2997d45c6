# Prints the list in the variable LIST (PATH, say) without its first element ENTRY. For csh, which has no words for it.
BEGIN {
  list = ":" ENVIRON["LIST"] ":"
  entry = ":" ENVIRON["ENTRY"] ":"
  at = index(list, entry)
  if (at) list = substr(list, 1, at) substr(list, at + length(entry))
  print substr(list, 2, length(list) - 2)
}
