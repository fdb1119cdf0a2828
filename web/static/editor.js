// Saves a step of the editor while one types.
"use strict";
