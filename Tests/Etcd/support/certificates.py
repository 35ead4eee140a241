"""Certificates, made by openssl."""

import subprocess


def openssl(*words, **more):
    subprocess.run(["openssl", *words], check=True, capture_output=True, **more)


class Authority:
    """A certificate authority in a folder, `file` being its own certificate."""

    def __init__(self, folder, name):
        self.folder, self.file = folder, str(folder / f"{name}.pem")
        self._key = str(folder / f"{name}.key")
        openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-keyout", self._key, "-out", self.file),
        )

    def issue(self, name, days=2):
        """(certificate, key) for 127.0.0.1. With `days` -1 it has expired."""
        certificate, key = (str(self.folder / f"{name}.{ending}") for ending in ("pem", "key"))
        request, extensions = str(self.folder / f"{name}.csr"), self.folder / f"{name}.ext"
        openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={name}", "-keyout", key, "-out", request),
        )
        extensions.write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl(
            *("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key, "-CAcreateserial"),
            *("-days", str(days), "-extfile", str(extensions), "-out", certificate),
        )
        return certificate, key
