// Small conveniences, a module each, named for its data- attribute or its topic. Every page works without them.
// The order counts where modules speak about the same element: what was typed is restored before what depends on it.
import "./times.js";
import "./toast.js";
import "./found.js";
import "./scripted.js";
import "./copy.js";
import "./address_note.js";
import "./autosave.js";
import "./sent_once.js";
import "./refused.js";
import "./show_when.js";
import "./browser_zone.js";
import "./unticks.js";
import "./picker.js";
import "./guide.js";
import "./status.js";
import "./run.js";
import "./polling.js";
import "./trouble.js";
import "./menu.js";
import "./filter.js";
import "./type_ahead.js";
import "./quick_edit.js";
import "./list_keys.js";
import "./shortcuts.js";
