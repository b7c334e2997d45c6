#include "bundler/stage/debian_python.hpp"

namespace eb {
namespace {

// What Debian changed in, or left out of, CPython 3.11 for its own layout, and what makes the rest
// independent of the place. The frozen copy of site.py inside the interpreter is not reached by
// this: the launcher starts it with -X frozen_modules=off.
constexpr PythonEdit kEdits[] = {
    {.file = "sysconfig.py",
     .optional = false,
     .find = R"py(        # default to /usr for package builds, /usr/local otherwise
        deb_build = os.environ.get('DEB_PYTHON_INSTALL_LAYOUT', 'posix_local')
        if deb_build in ('deb', 'deb_system'):
            prefix_scheme = 'deb_system'
        else:
            prefix_scheme = 'posix_local'
)py",
     .replace = R"py(        prefix_scheme = 'posix_prefix'
)py",
     .reason = "packages go to lib/python3.11/site-packages, not below local/"},
    {.file = "sysconfig.py",
     .optional = false,
     .find = R"py(    for scheme in ('posix_prefix', 'posix_home', 'posix_local', 'deb_system'):
)py",
     .replace = R"py(    for scheme in ('posix_prefix', 'posix_home'):
)py",
     .reason = "names only schemes that exist"},
    {.file = "sysconfig.py",
     .optional = false,
     .find = R"py(    'deb_system': {
        'stdlib': '{installed_base}/lib/python{py_version_short}',
        'platstdlib': '{platbase}/lib/python{py_version_short}',
        'purelib': '{base}/lib/python3/dist-packages',
        'platlib': '{platbase}/lib/python3/dist-packages',
        'include':
            '{installed_base}/include/python{py_version_short}{abiflags}',
        'platinclude':
            '{installed_platbase}/include/python{py_version_short}{abiflags}',
        'scripts': '{base}/bin',
        'data': '{base}',
        },
    'posix_local': {
        'stdlib': '{installed_base}/lib/python{py_version_short}',
        'platstdlib': '{platbase}/lib/python{py_version_short}',
        'purelib': '{base}/local/lib/python{py_version_short}/dist-packages',
        'platlib': '{platbase}/local/lib/python{py_version_short}/dist-packages',
        'include':
            '{installed_base}/include/python{py_version_short}{abiflags}',
        'platinclude':
            '{installed_platbase}/include/python{py_version_short}{abiflags}',
        'scripts': '{base}/local/bin',
        'data': '{base}/local',
        },
)py",
     .replace = "",
     .reason = "the layout of Debian's packages does not exist here"},
    {.file = "site.py",
     .optional = false,
     .find = R"py(            if is_virtual_environment:
                sitepackages.append(os.path.join(prefix, "lib",
                                                 "python%d.%d" % sys.version_info[:2],
                                                 "site-packages"))
            sitepackages.append(os.path.join(prefix, "local/lib",
                                             "python%d.%d" % sys.version_info[:2],
                                             "dist-packages"))
            sitepackages.append(os.path.join(prefix, "lib",
                                             "python3",
                                             "dist-packages"))
            # this one is deprecated for Debian
            for libdir in libdirs:
                path = os.path.join(prefix, libdir,
                                    "python%d.%d" % sys.version_info[:2],
                                    "dist-packages")
                sitepackages.append(path)
)py",
     .replace = R"py(            for libdir in libdirs:
                path = os.path.join(prefix, libdir,
                                    "python%d.%d" % sys.version_info[:2],
                                    "site-packages")
                sitepackages.append(path)
)py",
     .reason = "the one directory of packages is site-packages"},
    {.file = "ssl.py",
     .optional = false,
     .find = R"py(                self._load_windows_store_certs(storename, purpose)
        self.set_default_verify_paths()
)py",
     .replace = R"py(                self._load_windows_store_certs(storename, purpose)
        self.set_default_verify_paths()
        # The host's certificates, where it has any in OpenSSL's places, and
        # those of this installation; SSL_CERT_FILE of the user stands alone.
        if "SSL_CERT_FILE" not in os.environ:
            bundled = os.path.join(sys.base_prefix,
                                   "etc/ssl/certs/ca-certificates.crt")
            if os.path.isfile(bundled):
                self.load_verify_locations(bundled)
)py",
     .reason = "the bundled certificates are trusted too; nothing is exported for it"},
    {.file = "ensurepip/__init__.py",
     .optional = true,
     .find = R"py(    # Ensure that we are only running this inside of a virtual environment
    # of some kind.
    _ensurepip_is_disabled_in_debian_for_system()

)py",
     .replace = "",
     .reason = "EXTERNALLY-MANAGED says what to do, without speaking of apt"},
    {.file = "distutils/sysconfig.py",
     .optional = true,
     .find = R"py(        elif is_default_prefix and not is_virtual_environment():
            return os.path.join(prefix, "lib", "python3", "dist-packages")
)py",
     .replace = "",
     .reason = "as sysconfig.py"},
    {.file = "distutils/command/install.py",
     .optional = true,
     .find = R"py(                if os.path.normpath(self.prefix) == '/usr/local':
                    self.prefix = self.exec_prefix = '/usr'
                    self.install_base = self.install_platbase = '/usr'
                self.select_scheme("unix_local")
)py",
     .replace = R"py(                self.select_scheme("unix_prefix")
)py",
     .reason = "as sysconfig.py"},
    {.file = "_sysconfigdata__x86_64-linux-gnu.py",
     .optional = false,
     .find = R"py( 'exec_prefix': '/usr',
 'prefix': '/usr',
 'srcdir': '..'}
)py",
     .replace = R"py( 'exec_prefix': '/usr',
 'prefix': '/usr',
 'srcdir': '..'}


def _lead_here():
    # The values above are of the machine that built this interpreter; what
    # names a directory of the installation is led to where it stands now, and
    # compilers are called by the names that every distribution has.
    import re
    import sys

    here = sys.base_prefix
    for name, value in build_time_vars.items():
        if not isinstance(value, str):
            continue
        value = value.replace('x86_64-linux-gnu-g', 'g')
        if name == 'TZPATH':
            value += ':' + here + '/share/zoneinfo'
        elif not name.startswith(('INSTALL', 'DTRACE', 'CONFIG_ARGS')):
            value = re.sub(r'(^| |-I|-L)/usr(?=/|$| )', lambda m: m[1] + here, value)
        build_time_vars[name] = value


_lead_here()
)py",
     .reason = "no path of the build machine, where a path means this installation"},
};

}  // namespace

std::span<const PythonEdit> python_edits() { return kEdits; }

}  // namespace eb
