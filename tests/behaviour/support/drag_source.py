"""A window to drag files from: a drag that begins anywhere in it carries the files named as arguments (GTK 3, XDND)."""

import sys
from pathlib import Path

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402

uris = [Path(name).resolve().as_uri() for name in sys.argv[1:]]
window = Gtk.Window(title="Drag source")
window.set_default_size(200, 100)
handle = Gtk.EventBox()
handle.add(Gtk.Label(label=f"{len(uris)} files"))
handle.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
handle.drag_source_add_uri_targets()
handle.connect("drag-data-get", lambda _widget, _context, data, _info, _time: data.set_uris(uris))
handle.connect("drag-end", lambda _widget, _context: print("drag ended", flush=True))
window.add(handle)
window.connect("destroy", Gtk.main_quit)
window.show_all()
Gtk.main()
