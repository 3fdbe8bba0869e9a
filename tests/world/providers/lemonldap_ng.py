"""LemonLDAP::NG of Debian, unpacked into `target/lemonldap-ng` by the set-up, with its demonstration accounts, on Plack's server."""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from program import arguments, free_port, ready, when_told

told = arguments()
port = free_port()
base = f"http://127.0.0.1:{port}"
unpacked = Path(__file__).parents[3] / "target/lemonldap-ng"
root = unpacked / "root"
folder = Path(tempfile.mkdtemp())
for needed in ["conf", "sessions/lock", "persistent/lock", "cache"]:
    (folder / needed).mkdir(parents=True)
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
private = key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def files(name):
    """Sessions in files."""
    return {
        f"{name}Storage": "Apache::Session::File",
        f"{name}StorageOptions": {
            "Directory": str(folder / ("sessions" if name == "global" else name)),
            "LockDirectory": str(folder / ("sessions" if name == "global" else name) / "lock"),
        },
    }


configuration = {
    "cfgNum": 1,
    "cfgDate": int(time.time()),
    "cfgVersion": "2.16.1",
    "portal": f"{base}/",
    "domain": "127.0.0.1",
    "locationRules": {"127.0.0.1": {"default": "accept"}},
    "exportedHeaders": {},
    "cookieName": "lemonldap",
    "securedCookie": 0,
    "authentication": "Demo",
    "userDB": "Same",
    "passwordDB": "Demo",
    "portalDisplayResetPassword": 0,
    "portalDisplayRegister": 0,
    "demoExportedVars": {"cn": "cn", "mail": "mail", "uid": "uid"},
    **files("global"),
    **files("persistent"),
    "issuerDBOpenIDConnectActivation": 1,
    "oidcServiceMetaDataIssuer": base,
    "oidcServicePrivateKeySig": private.decode(),
    "oidcServicePublicKeySig": public.decode(),
    "oidcServiceKeyIdSig": "key",
    "oidcServiceAllowAuthorizationCodeFlow": 1,
    "oidcRPMetaDataOptions": {
        "gatehouse": {
            "oidcRPMetaDataOptionsClientID": "gatehouse",
            "oidcRPMetaDataOptionsClientSecret": told.client_secret,
            "oidcRPMetaDataOptionsRedirectUris": told.redirect_uri,
            "oidcRPMetaDataOptionsIDTokenSignAlg": "RS256",
            "oidcRPMetaDataOptionsAllowOffline": 1,
            "oidcRPMetaDataOptionsAccessTokenExpiration": 3600,
        }
    },
    "oidcRPMetaDataExportedVars": {"gatehouse": {"name": "cn"}},
}
(folder / "conf/lmConf-1.json").write_text(json.dumps(configuration))
(folder / "lemonldap-ng.ini").write_text(
    f"""[all]
logLevel = warn
localSessionStorage =
[configuration]
type = File
dirName = {folder}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'configuration', 'cache_root' => '{folder}/cache' }}
[portal]
templateDir = {root}/usr/share/lemonldap-ng/portal/templates
staticPrefix = /static
languages = en
checkTime = 600
"""
)
(folder / "portal.psgi").write_text(
    f"""# Of a package that is only recommended, for captchas, which nobody is shown here.
BEGIN {{ $INC{{'GD/SecurityImage.pm'}} = 'left out' }}
use Lemonldap::NG::Portal::Main;
use Lemonldap::NG::Portal::UserDB::Demo;
my $app = Lemonldap::NG::Portal::Main->run({{
  configStorage => {{ confFile => '{folder}/lemonldap-ng.ini' }}, confFile => '{folder}/lemonldap-ng.ini' }});
sub {{
  delete $Lemonldap::NG::Portal::UserDB::Demo::demoAccounts{{dwho}} if -e '{folder}/gone';
  $app->(@_);
}};
"""
)


def end_with_this_process():
    """PR_SET_PDEATHSIG with SIGKILL."""
    ctypes.CDLL(None).prctl(1, 9)


libraries = [str(path) for path in root.glob("usr/lib/*-linux-*")]
perl = [str(root / "usr/share/perl5"), *(str(path) for path in root.glob("usr/lib/*-linux-*/perl5/*"))]
server = subprocess.Popen(
    ["perl", root / "usr/bin/plackup", "--env", "deployment", "--host", "127.0.0.1", "--port", str(port), folder / "portal.psgi"],
    env={**os.environ, "PERL5LIB": ":".join(perl), "LD_LIBRARY_PATH": ":".join(libraries)},
    stdin=subprocess.DEVNULL,
    stdout=sys.stderr,
    preexec_fn=end_with_this_process,
)
for _ in range(1200):
    try:
        urllib.request.urlopen(f"{base}/.well-known/openid-configuration").close()
        break
    except OSError:
        if server.poll() is not None:
            sys.exit("LemonLDAP::NG has ended")
        time.sleep(0.05)
else:
    sys.exit("LemonLDAP::NG does not serve")
version = subprocess.run(
    ["dpkg-deb", "--showformat=LemonLDAP::NG ${Version}", "--show", *(unpacked / "archives").glob("liblemonldap-ng-portal-perl_*.deb")],
    capture_output=True,
    text=True,
    check=True,
).stdout
# The demonstration accounts have their names as passwords.
ready(issuer=base, client_id="gatehouse", subject="dwho", login="dwho", password="dwho", versions=version)
when_told(lock=(folder / "gone").touch).join()
