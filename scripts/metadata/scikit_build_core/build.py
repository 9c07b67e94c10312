"""Answers pip's question for a source distribution's metadata without any build tool.

pip cannot download a source distribution without asking its build backend for metadata, and the
backend's own tools would come unpinned from the network. We want one header out of the archive, so
this stand-in names the project and refuses everything else.
"""

import os


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name = "duckdb-2.0.0.dist-info"
    os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, name, "METADATA"), "w", encoding="ascii") as metadata:
        metadata.write("Metadata-Version: 2.1\nName: duckdb\nVersion: 2.0.0\n")
    return name


def get_requires_for_build_wheel(config_settings=None):
    return []


def _refuse(*arguments, **options):
    raise RuntimeError("only the header of this archive is used; nothing is built from it")


build_editable = build_sdist = build_wheel = _refuse
get_requires_for_build_editable = get_requires_for_build_sdist = _refuse
prepare_metadata_for_build_editable = _refuse
