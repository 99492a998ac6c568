package probe

import "fmt"

// Leg is a part of the way from the visitor to the script.
type Leg string

// The legs.
const (
	None    Leg = "none"
	ToEdge  Leg = "visitor to edge"
	ToSite  Leg = "edge to origin"
	ToFPM   Leg = "nginx to PHP-FPM"
	Script  Leg = "script"
	Unknown Leg = "unknown"
)

// judge says which leg is broken.
func (r *Result) judge() {
	broken := r.brokenHandoff()
	nearest := r.Visitor
	if r.Origin != nil {
		nearest = r.Origin
	}
	switch {
	case !r.Visitor.failed() && broken == nil:
		r.say(None, "visitors get an answer", "")
		if r.Origin.failed() {
			r.say(ToSite, "visitors get an answer, but the origin itself fails: "+failure(r.Origin), "the edge answers from its cache, or from another origin; look into nginx's error log with fpmlint diagnose")
		}
	case !r.Visitor.failed():
		r.say(ToFPM, fmt.Sprintf("visitors get an answer at this URL, but the hand-off to %s is broken: %v", broken.Address, broken.Err), handoffAdvice)
	case r.Origin != nil && !r.Origin.failed():
		r.say(ToSite, "the origin answers, visitors get an error: "+failure(r.Visitor), "look at what the edge needs: the origin's firewall must admit it, its certificate must suit it, and the answer must come within its time limit")
	case broken != nil:
		r.say(ToFPM, fmt.Sprintf("the hand-off to %s is broken: %v", broken.Address, broken.Err), handoffAdvice)
	case nearest.Maker == Nginx && (nearest.Status == 502 || nearest.Status == 504):
		r.say(ToFPM, fmt.Sprintf("nginx answers with its own page, status %d: what it passes to failed", nearest.Status), handoffAdvice)
	case nearest.Maker == EdgeForOrigin:
		r.say(ToFPM, fmt.Sprintf("the origin answered the edge with status %d", nearest.Status), "run fpmlint diagnose on the origin, or ask it with --origin")
	case nearest.Maker == PHP || nearest.Maker == PHPFPM:
		r.say(Script, fmt.Sprintf("the hand-off works, PHP itself answers with status %d: %s", nearest.Status, nearest.Why), "look into PHP's error log")
	case nearest.Maker == Cloudflare:
		r.say(ToSite, "Cloudflare makes the error itself: "+nearest.Why, "ask the origin past the edge with --origin IP")
	case r.Origin != nil && r.Origin.Err != nil:
		r.say(ToSite, "the origin does not answer: "+failure(r.Origin), "see whether nginx runs there and whether a firewall is in between")
	case r.Visitor.Err != nil:
		r.say(ToEdge, "visitors get no answer: "+failure(r.Visitor), "check the name, the certificate and whether the server is up; ask the origin past an edge with --origin IP")
	default:
		r.say(Unknown, "visitors get an error, and nothing shows who made it: "+failure(nearest), "look into nginx's error log with fpmlint diagnose")
	}
}

const handoffAdvice = "run fpmlint diagnose and fpmlint lint on that server"

func (r *Result) say(leg Leg, verdict, advice string) {
	r.Leg, r.Verdict, r.Advice = leg, verdict, advice
}

func (r *Result) brokenHandoff() *HandoffAnswer {
	for i := range r.Handoffs {
		if r.Handoffs[i].Err != nil {
			return &r.Handoffs[i]
		}
	}
	return nil
}

func failure(a *Answer) string {
	if a.Err != nil {
		return a.Err.Error()
	}
	return fmt.Sprintf("status %d", a.Status)
}
