"""Deploy jobs: the documents are written beside the run's record, and nothing is applied."""

from __future__ import annotations

import os
import shutil

from compiler.ir import Deploy
from targets.local.plan import Instance
from targets.local.session import Session
from targets.local.state import slug, write_whole


def write(action: Deploy, session: Session, one: Instance, checkout: str) -> list[str]:
    """Write what the job would apply; gives the files."""
    from compiler.yamlwriter import write_documents

    folder = os.path.join(session.folder, "deploy", slug(one.id))
    rendered = {document.path: document.documents for document in session.project.rendered}
    written = []
    for path in action.documents:
        target = os.path.join(folder, path)
        if path in rendered:
            write_whole(target, write_documents(list(rendered[path])))
        elif os.path.isdir(os.path.join(checkout, path)):
            shutil.copytree(os.path.join(checkout, path), target, symlinks=True, dirs_exist_ok=True)
        elif os.path.isfile(os.path.join(checkout, path)):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(os.path.join(checkout, path), target)
        else:
            raise OSError(0, f'"{path}" is not there, which the job would apply')
        written.append(target)
    return written
