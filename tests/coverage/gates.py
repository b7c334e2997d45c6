"""What has to be covered: `GATED` to the last branch, and `ALL_AT_LEAST` of the whole installer."""

# Percent of the branches of everything below installer/.
ALL_AT_LEAST = 90.0
# Markers that exempt a condition, in everything below installer/.
MAX_EXEMPTED = 5

# Where one branch that nobody tried can let in what must not come in, or lose what was there. Every other room is held by
# ALL_AT_LEAST: what it does wrong, these still refuse.
GATED = {
    "signature: which bytes count as signed, by which key": [
        "installer/format/base64.cpp",
        "installer/format/ssh_key.cpp",
        "installer/format/ssh_wire.hpp",
        "installer/format/sshsig.cpp",
        "installer/format/signature_check.cpp",
        "installer/base/digest.cpp",
    ],
    "trust: whose signature counts here and now": [
        "installer/format/trust.cpp",
        "installer/format/revoked_keys.cpp",
        "installer/format/signature_policy.cpp",
        "installer/format/verified_bundle.cpp",
        "installer/install/trust_anchors.cpp",
        "installer/install/trust_edit.cpp",
        "installer/install/trust_file.cpp",
        "installer/install/trust_store.cpp",
    ],
    "index: what a bundle may hold, read before and after its signature": [
        "installer/base/bytes.hpp",
        "installer/format/container.cpp",
        "installer/format/index.cpp",
        "installer/format/index_check.cpp",
        "installer/format/tar_stream.cpp",
    ],
    "path: that nothing is made or removed outside of the prefix": [
        "installer/base/rel_path.cpp",
        "installer/base/utf8.cpp",
        "installer/format/link_check.cpp",
        "installer/install/directory_cache.cpp",
        "installer/install/prefix.cpp",
        "installer/install/remove_tree.cpp",
    ],
    "publish: that a release appears whole or not at all": [
        "installer/base/file.cpp",
        "installer/install/durability.cpp",
        "installer/install/publish.cpp",
        "installer/install/stage.cpp",
        "installer/install/rollback.cpp",
        "installer/install/existing_release.cpp",
    ],
}
