using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Primitives;

public sealed class CanaryTests
{
    /// <summary>A method that does nothing but return false, and is inlined: every test for a canary is gone when the code runs.</summary>
    [Fact]
    public void The_normal_build_has_no_canaries()
    {
        MethodInfo method = typeof(Canary).GetMethod(nameof(Canary.Is))!;
        Assert.Equal([(byte)OpCodes.Ldc_I4_0.Value, (byte)OpCodes.Ret.Value], method.GetMethodBody()!.GetILAsByteArray()!.Where(code => code != OpCodes.Nop.Value));
        Assert.True(method.MethodImplementationFlags.HasFlag((MethodImplAttributes)MethodImplOptions.AggressiveInlining));
        Assert.False(Canary.IsBuilt);
        Assert.Empty(Canary.All);
        Assert.Empty(typeof(Canary).GetFields(BindingFlags.Static | BindingFlags.NonPublic));
    }
}
